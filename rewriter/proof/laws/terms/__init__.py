"""Terms: expressions of two models with types, on which laws work."""
