"""What a list of the modules of a class or config says."""
