"""Passes by name: those of this package and of other packages, as lists and as text."""
