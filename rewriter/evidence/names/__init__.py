"""Evidence from the names of nodes, values and scopes."""
