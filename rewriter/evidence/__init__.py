"""Evidence on the module of each node: the witnesses, and `settle`, which decides between them."""
