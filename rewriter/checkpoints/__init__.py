"""Weights between checkpoints and models: the map of a state dict, the state dict of a model, new weights."""
