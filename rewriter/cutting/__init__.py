"""Models that are pieces of another: extracted modules, and chains that together equal the whole."""
