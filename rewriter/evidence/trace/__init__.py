"""What a run of the torch module says."""
