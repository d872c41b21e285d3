"""Tools that know nothing of models."""
