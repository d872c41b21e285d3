"""The Python library: every verb as a function, and a model as an object with the verbs as methods."""
