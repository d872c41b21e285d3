"""Symbolic proof that two models compute the same; `certificate` is its entry point."""
