"""Laws of nodes that move elements and compute none: all keep bits."""
