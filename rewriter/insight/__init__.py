"""Analyses over the module tree: selections, differences, time."""
