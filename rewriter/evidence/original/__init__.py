"""What the file that this one was made of says."""
