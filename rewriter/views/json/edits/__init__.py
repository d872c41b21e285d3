"""Results of the verbs that change a model, as JSON."""
