"""Taps: the values of modules, how they leave bodies, and the names, types and record of the new outputs."""
