"""Output in a terminal. Needs rich, so only the command line imports it, and late."""
