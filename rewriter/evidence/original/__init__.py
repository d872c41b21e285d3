"""Evidence from the file that this one was made from."""
