"""Two models, module by module."""
