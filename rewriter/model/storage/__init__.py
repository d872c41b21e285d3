"""Files on disk: reading, atomic writing, external data."""
