"""The index of a model, and what must hold of it."""
