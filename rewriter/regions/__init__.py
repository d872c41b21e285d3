"""Regions: the nodes of one call of one module, with inputs and outputs."""
