"""Prints the results of the verbs that change a model."""
