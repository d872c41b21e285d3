"""Results of verbs that run a model, as JSON."""
