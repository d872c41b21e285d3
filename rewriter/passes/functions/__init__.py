"""What passes that make, share and undo functions have in common."""
