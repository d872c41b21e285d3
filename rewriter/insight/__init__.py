"""Analyses of a model over its module tree: selections, differences, time, effects of other tools."""
