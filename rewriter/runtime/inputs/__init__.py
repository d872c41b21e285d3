"""Input sets for models: sizes, types and contents."""
