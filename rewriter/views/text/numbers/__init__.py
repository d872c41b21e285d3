"""Results of verbs that run a model, in a terminal."""
