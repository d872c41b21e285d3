"""Differences between two models, in a terminal."""
