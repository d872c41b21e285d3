"""Finds the part of a main graph that given values depend on, by names, without an index."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

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


def names_read(nodes: Iterable[NodeProto]) -> set[str]:
    """Return the names that nodes and their graph bodies read."""
    return {name for node in nodes for name in _names_in(node)}


def reduce_to(graph: GraphProto, values: Iterable[str]) -> None:
    """Remove the parts of a main graph that given values do not depend on, in place.

    The outputs that are none of the values are removed, too. The inputs that have to be fed stay.

    Args:
        graph: the graph.
        values: names of values.
    """
    ends = set(values)
    nodes = [graph.node[number] for number in nodes_needed(graph, ends)]
    read = names_read(nodes) | ends
    filled = {tensor.name for tensor in graph.initializer}
    filled.update(sparse.values.name for sparse in graph.sparse_initializer)
    unread = filled - read
    known = (read | {name for node in nodes for name in node.output}) - unread
    _keep(graph.node, nodes)
    _keep(graph.input, [info for info in graph.input if info.name not in unread])
    _keep(graph.output, [info for info in graph.output if info.name in ends])
    _keep(graph.initializer, [tensor for tensor in graph.initializer if tensor.name in read])
    _keep(graph.sparse_initializer, [each for each in graph.sparse_initializer if each.values.name in read])
    _keep(graph.value_info, [info for info in graph.value_info if info.name in known])
    noted = [each for each in graph.quantization_annotation if each.tensor_name in known]
    _keep(graph.quantization_annotation, noted)


def _keep(field: Any, entries: list[Any]) -> None:
    if len(entries) < len(field):
        del field[:]
        field.extend(entries)


def _names_in(node: NodeProto) -> Iterator[str]:
    """Yield the names that a node and its graph bodies read."""
    yield from filter(None, node.input)
    for attribute in node.attribute:
        for body in graphs_of(attribute):
            yield from (info.name for info in body.output)
            for inner in body.node:
                yield from _names_in(inner)
