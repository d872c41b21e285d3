"""Benchmarks: accuracy against truth from hooks, and speed against plain parsing and other tools."""
