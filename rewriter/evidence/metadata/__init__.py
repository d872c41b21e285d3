"""Evidence from the metadata that exporters and tools write."""
