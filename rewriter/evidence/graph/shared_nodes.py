"""Finds the nodes of a module that several of its calls share, since the exporter merged equal nodes.

If a node reads only values that are the same in all calls (a size, a mask), the exporter keeps it in the
first call alone, and the other calls read its result. So several equal operators read the result at the same
input. A node that only shared nodes of the module read is shared too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set

from rewriter.model.index.graph import NONE, GraphIndex

_Use = tuple[int, int, tuple[int, ...]]
"""A use of a value: the token of the reader, the position of the input, the initializers it reads."""


def shared_nodes(graph: GraphIndex, nodes: Sequence[int], tokens: Sequence[int], alone: Set[int]) -> set[int]:
    """Return the nodes that may stand for several equal ones; none if a node alone of its kind is not shared.

    The nodes that are left after the shared ones repeat only if none of them is alone of its kind.

    Args:
        graph: the model.
        nodes: the nodes of a module and its submodules, ascending.
        tokens: node -> a number for its operator and module.
        alone: the tokens that a single one of `nodes` has.
    """
    inside = set(nodes)
    shared: set[int] = set()
    for node in reversed(nodes):
        readers = [reader for reader in graph.distinct_successors(node) if reader in inside]
        if len(readers) == 1:  # the usual case
            is_shared = readers[0] in shared
        else:
            is_shared = bool(readers) and (
                shared.issuperset(readers) or _is_read_alike(graph, node, readers, tokens)
            )
        if is_shared:
            shared.add(node)
        elif tokens[node] in alone:
            return set()
    return shared


def _is_read_alike(graph: GraphIndex, node: int, readers: Sequence[int], tokens: Sequence[int]) -> bool:
    """Whether two equal nodes read the same output of `node` at the same input."""
    if len({tokens[reader] for reader in readers}) == len(readers):
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
