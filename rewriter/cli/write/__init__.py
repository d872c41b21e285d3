"""Verbs that write models."""
