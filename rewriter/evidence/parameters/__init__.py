"""Evidence from parameters and their readers."""
