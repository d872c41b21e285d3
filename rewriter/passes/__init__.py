"""Edits of the file: one pass per module."""
