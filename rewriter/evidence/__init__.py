"""Evidence on the module of each node: one file per witness, and settle, which decides."""
