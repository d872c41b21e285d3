"""The Python library: the verbs as functions, and one model as an object."""
