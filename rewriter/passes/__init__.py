"""What edits the file: one pass per module."""
