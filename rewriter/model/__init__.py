"""The file as it stands: structure, index and metadata. Knows no modules."""
