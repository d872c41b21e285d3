"""The nodes of one call of one module."""
