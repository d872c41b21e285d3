"""Verbs that look at one model."""
