"""Evidence from a run of the torch module."""
