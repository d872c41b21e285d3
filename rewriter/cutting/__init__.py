"""Cuts pieces out of a model: extracted modules, or a chain of models that together equal the whole."""
