"""Sorts the nodes of a model topologically."""

from __future__ import annotations

from rewriter.model.index.graph import GraphIndex


def topological(graph: GraphIndex) -> list[int]:
    """Return the nodes, each after the nodes that write its inputs; in file order if that is valid."""
    order: list[int] = []
    seen = [False] * len(graph.nodes)
    for start in range(len(graph.nodes)):
        stack = [(start, False)]
        while stack:
            node, done = stack.pop()
            if done:
                order.append(node)
            elif not seen[node]:
                seen[node] = True
                stack.append((node, True))
                stack.extend((other, False) for other in graph.predecessors(node) if not seen[other])
    return order
