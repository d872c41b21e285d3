"""Evidence on weights that the exporter renamed, split, folded or rearranged."""
