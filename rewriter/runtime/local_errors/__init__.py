"""Errors that each part of a second model makes by itself, on the values of a first model."""
