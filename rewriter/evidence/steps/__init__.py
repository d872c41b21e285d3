"""Evidence from torch operators in a file without scopes: the steps around those whose module is known."""
