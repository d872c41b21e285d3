"""Chooses the cuts of a split: predicts the memory of a part, and finds cuts that keep parts small."""
