"""Which nodes of a module several of its calls share: the exporter merges equal nodes wherever they stand.

What a call computes from values that are the same in all calls (a size, a mask) is computed in the first
call alone, and the other calls read it there. Such a value is read by the same operator in the same place
several times. What is read by shared nodes alone is shared with them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rewriter.model.index.graph import NONE, GraphIndex

_Use = tuple[int, int, tuple[int, ...]]
"""What reads a value: a token, which input of it, and the initializers that it reads."""


def shared_nodes(graph: GraphIndex, nodes: Sequence[int], tokens: Sequence[int]) -> set[int]:
    """The nodes that may stand for several equal ones.

    Args:
        graph: the model.
        nodes: those of one module and of the modules below, ascending.
        tokens: node -> a number for its operator and module.
    """
    inside = set(nodes)
    shared: set[int] = set()
    for node in reversed(nodes):
        readers = {reader for reader in graph.successors(node) if reader in inside}
        if readers and (readers <= shared or _is_read_alike(graph, node, readers, tokens)):
            shared.add(node)
    return shared


def _is_read_alike(graph: GraphIndex, node: int, readers: set[int], tokens: Sequence[int]) -> bool:
    """Whether two nodes read the same output of a node in the same place."""
    if len(readers) < 2:
        return False
    for value in graph.writes[node]:
        uses = [use for reader in readers for use in _uses(graph, reader, value, tokens)]
        if value != NONE and len(set(uses)) < len(uses):
            return True
    return False


def _uses(graph: GraphIndex, reader: int, value: int, tokens: Sequence[int]) -> Iterator[_Use]:
    reads = graph.reads[reader]
    stored = tuple(each for each in reads if each != NONE and each in graph.initializers)
    return ((tokens[reader], place, stored) for place, each in enumerate(reads) if each == value)
