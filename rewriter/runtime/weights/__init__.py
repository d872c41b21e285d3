"""Large weights for child processes, in memory once."""
