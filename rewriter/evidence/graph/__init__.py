"""Evidence from the graph itself: dataflow between nodes, and repetition of nodes."""
