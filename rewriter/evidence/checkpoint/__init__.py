"""What the contents of a checkpoint say."""
