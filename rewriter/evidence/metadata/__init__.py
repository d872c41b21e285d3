"""What exporters and tools write into metadata."""
