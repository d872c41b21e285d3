"""Predicts the effects of other tools on a file, from facts of the file and rules about the tools."""
