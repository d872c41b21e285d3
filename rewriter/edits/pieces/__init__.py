"""Puts a piece in place of a module: its border, the match, names, order, and the proof of all around it."""
