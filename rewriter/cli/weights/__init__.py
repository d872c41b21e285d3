"""Verbs that move weights between checkpoints and models."""
