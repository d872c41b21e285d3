"""Reads and writes the sidecar of a model: a JSON file beside it with its module tree."""
