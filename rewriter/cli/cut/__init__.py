"""Verbs that cut models."""
