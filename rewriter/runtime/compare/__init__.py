"""Compares two models, or a model and its pieces, on the same inputs."""
