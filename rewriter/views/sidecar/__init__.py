"""The sidecar of a model: the tree as a file of its own."""
