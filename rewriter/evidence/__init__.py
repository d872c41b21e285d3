"""Who says which module a node came from: one file per witness, and settle, which decides."""
