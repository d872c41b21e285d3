"""Evidence from the contents of a checkpoint."""
