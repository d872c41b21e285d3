"""Tensors of checkpoints and of models: read one at a time, arranged, and written."""
