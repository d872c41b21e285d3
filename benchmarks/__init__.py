"""Benchmarks: accuracy against hook truth, and speed against the floor and the peers."""
