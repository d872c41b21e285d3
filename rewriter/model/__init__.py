"""The file itself: structure, index and metadata. Knows no modules."""
