"""What parameters and their readers say."""
