"""Kinds of formulas: one file for each, with its statement, its search and its check."""
