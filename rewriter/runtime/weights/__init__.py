"""Passes large weights to child processes without holding them in memory twice."""
