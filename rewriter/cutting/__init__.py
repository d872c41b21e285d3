"""Models that are pieces of another: modules taken out, and chains that together equal the whole."""
