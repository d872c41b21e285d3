"""What the graph itself says: who reads whose results, and what repeats itself."""
