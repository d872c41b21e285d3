"""Types, shapes and operations that the file does not state."""
