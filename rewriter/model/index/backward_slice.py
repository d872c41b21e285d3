"""Finds the nodes of a main graph that given values depend on, by names, without an index."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from onnx import GraphProto, NodeProto

from rewriter.model.index.graph import graphs_of


def nodes_needed(graph: GraphProto, ends: Iterable[str], starts: Collection[str] = ()) -> list[int]:
    """Return the nodes that the values `ends` depend on, ascending, in time linear in the graph.

    Args:
        graph: the graph; the owner of a body counts as reader of all names that the body reads.
        ends: names of values.
        starts: names of values to stop at, even if nodes compute them.
    """
    makers = {name: number for number, node in enumerate(graph.node) for name in node.output if name}
    found: set[int] = set()
    waiting = list(ends)
    while waiting:
        name = waiting.pop()
        number = makers.get(name)
        if name not in starts and number is not None and number not in found:
            found.add(number)
            waiting.extend(_names_in(graph.node[number]))
    return sorted(found)


def _names_in(node: NodeProto) -> Iterator[str]:
    """Yield the names that a node and its graph bodies read."""
    yield from filter(None, node.input)
    for attribute in node.attribute:
        for body in graphs_of(attribute):
            yield from (info.name for info in body.output)
            for inner in body.node:
                yield from _names_in(inner)
