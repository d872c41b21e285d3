"""The index of a model, and the checks that a model has to pass."""
