"""Verbs that change a model."""
