"""Verbs that run models."""
