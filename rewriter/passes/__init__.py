"""Passes: edits of a model, one pass per file."""
