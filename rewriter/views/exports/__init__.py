"""Exports of the module tree and its figures to other viewers."""
