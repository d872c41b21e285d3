"""Which node of the main graph must stand behind which: it reads from it, or draws random numbers after it."""

from __future__ import annotations

from collections.abc import Iterator

from rewriter.model.graph import GraphIndex
from rewriter.model.purity import drawing_in_order

Edge = tuple[int, int]
"""A node of the main graph, and one that must stand behind it."""


def find_edges(graph: GraphIndex) -> tuple[Edge, ...]:
    """All edges, some twice; what a body reads, its owner reads.

    Nodes that draw random numbers stay in the order of the file: equal ones are told apart by that alone.
    """
    return (*_reads(graph), *drawing_in_order(graph))


def _reads(graph: GraphIndex) -> Iterator[Edge]:
    for node, body in enumerate(graph.body_of):
        if body == 0:
            for reader in graph.successors(node):
                yield node, main_node(graph, reader)


def main_node(graph: GraphIndex, node: int) -> int:
    """The node of the main graph that holds `node` in one of its bodies, or is it."""
    for owner in graph.enclosing(node):
        node = owner
    return node
