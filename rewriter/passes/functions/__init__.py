"""Code shared by the passes that make, share and inline functions."""
