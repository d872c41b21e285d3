"""Infers types, shapes and numbers of operations, which a file need not state."""
