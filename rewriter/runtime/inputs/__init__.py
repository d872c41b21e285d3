"""Makes input sets for models: sizes, types and contents."""
