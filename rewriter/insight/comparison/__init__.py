"""Comparison of two models, module by module."""
