"""What the tree tells: selections, differences, time."""
