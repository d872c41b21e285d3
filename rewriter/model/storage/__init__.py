"""Bytes on disk: reading, writing whole or not at all, external data."""
