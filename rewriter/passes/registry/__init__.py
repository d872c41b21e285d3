"""Passes by name: ours and those of other packages, as lists and as text."""
