"""Regions: the nodes of one call of one module, or of one segment of the call, with inputs and outputs."""
