"""Results of the verbs that edit a model by module, as JSON."""
