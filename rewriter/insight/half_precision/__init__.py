"""Half precision, module by module."""
