"""What the names of nodes, values and scopes say."""
