"""Prints the results of the verbs that edit a model by module."""
