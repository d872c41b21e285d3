"""Renames the values of nodes, and finds free names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from onnx import GraphProto, NodeProto

from rewriter.model.index.graph import graphs_of


def rename(node: NodeProto, names: Mapping[str, str]) -> None:
    """Rename values that a node and its bodies read or write; names that are no keys of `names` stay."""
    for field in (node.input, node.output):
        for position, name in enumerate(field):
            if name in names:
                field[position] = names[name]
    for attribute in node.attribute:
        for graph in graphs_of(attribute):
            for inner in graph.node:
                rename(inner, names)
            for info in (*graph.input, *graph.output, *graph.value_info):
                info.name = names.get(info.name, info.name)
            for tensor in (*graph.initializer, *(sparse.values for sparse in graph.sparse_initializer)):
                tensor.name = names.get(tensor.name, tensor.name)


def names_in_bodies(node: NodeProto) -> Iterator[str]:
    """Yield the names that the bodies of a node define, at any depth."""
    for attribute in node.attribute:
        for graph in graphs_of(attribute):
            yield from _defined(graph)


def _defined(graph: GraphProto) -> Iterator[str]:
    yield from (info.name for info in graph.input)
    yield from (tensor.name for tensor in graph.initializer)
    yield from (tensor.values.name for tensor in graph.sparse_initializer)
    for node in graph.node:
        yield from filter(None, node.output)
        yield from names_in_bodies(node)


class UsedNames(set[str]):
    """Names in use, with the last number appended to each."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        super().__init__(names)
        self.numbers: dict[str, int] = {}

    def fresh(self, base: str) -> str:
        """Return `base`, or `base` with a number, such that the name is not in use; mark the name as used."""
        name, number = base, self.numbers.get(base, 0)
        while name in self:
            number += 1
            name = f"{base}_{number}"
        self.numbers[base] = number
        self.add(name)
        return name
