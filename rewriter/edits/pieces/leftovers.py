"""Removes nodes from a model in favour of a piece, and the weights and stated types that only they needed."""

from __future__ import annotations

from collections.abc import Mapping, Set
from functools import cached_property

from onnx import GraphProto, ModelProto

from rewriter.edits.pieces.openings import address_of, body_at
from rewriter.edits.removal import erase_at
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.model.operator_set.ir_version import fills_inputs
from rewriter.passes.functions.value_names import UsedNames


class Leftovers:
    """A model without some nodes.

    Args:
        graph: the index of the model.
        nodes: the nodes that go; their graph bodies go with them.
    """

    def __init__(self, graph: GraphIndex, nodes: Set[int]) -> None:
        self.graph = graph
        self.nodes = self._with_bodies(nodes)
        self.bodies = [number for number, body in enumerate(graph.bodies) if body.owner not in self.nodes]
        self.unread = self._unread()

    @cached_property
    def names(self) -> set[str]:
        """The names of the values that remain, in all bodies."""
        graph = self.graph
        return {
            name
            for number in self.bodies
            for name, value in graph.bodies[number].values.items()
            if graph.producer[value] not in self.nodes and value not in self.unread
        }

    def freed(self, nodes: Set[int]) -> set[str]:
        """Return the names that are in use no more without some of the nodes."""
        graph, going = self.graph, self._with_bodies(nodes)
        inside = [body for body in graph.bodies if body.owner in going]
        names = {graph.value_names[value] for node in going for value in graph.writes[node] if value != NONE}
        return names.union(*(body.values for body in inside)) - self.names

    def _with_bodies(self, nodes: Set[int]) -> set[int]:
        """Return nodes, and the nodes in their graph bodies."""
        graph = self.graph
        inside = (n for n in range(len(graph.nodes)) if not nodes.isdisjoint(graph.enclosing(n)))
        return {*nodes, *inside}

    @property
    def node_names(self) -> set[str]:
        """The names of the nodes that remain."""
        return {name for node, name in enumerate(self.graph.names) if node not in self.nodes}

    def keep(self, value: int, used: UsedNames) -> bool:
        """Keep an initializer for a piece; return False if its name was given away."""
        name = self.graph.value_names[value]
        if value in self.unread and name in used:
            return False
        self.unread.discard(value)
        used.add(name)
        return True

    def clear(self, model: ModelProto, typed: Mapping[int, Set[str]]) -> None:
        """Remove what only the nodes needed from a copy of the model in which they are replaced.

        Args:
            model: the copy.
            typed: body -> names of values that the nodes wrote, whose stated types still hold.
        """
        for number in self.bodies:
            source = self.graph.bodies[number].proto
            if isinstance(source, GraphProto):
                graph = body_at(model, address_of(self.graph, number))
                values = self.graph.bodies[number].values
                unread = {name for name, value in values.items() if value in self.unread}
                gone = {name for name, value in values.items() if self.graph.producer[value] in self.nodes}
                if fills_inputs(model):
                    erase_at(graph.input, [info.name in unread for info in source.input])
                self._clear(graph, source, unread, gone - typed.get(number, set()))

    @staticmethod
    def _clear(graph: GraphProto, source: GraphProto, unread: Set[str], gone: Set[str]) -> None:
        """Remove weights and stated types from a body; `source` is the body before."""
        erase_at(graph.initializer, [tensor.name in unread for tensor in source.initializer])
        gone |= unread
        erase_at(graph.value_info, [info.name in gone for info in source.value_info])
        annotations = [each.tensor_name in gone for each in source.quantization_annotation]
        erase_at(graph.quantization_annotation, annotations)

    def _unread(self) -> set[int]:
        """Return the dense initializers that only the nodes read, without those that callers may feed."""
        graph = self.graph
        main = graph.bodies[0]
        fed = set() if fills_inputs(graph.model) else set(main.formals)
        results = {value for number in self.bodies for value in graph.bodies[number].results}
        found = set()
        for number in self.bodies:
            body = graph.bodies[number]
            for value in body.values.values():
                readers = graph.readers[value] if value in graph.initializers else []
                if readers and value not in fed and value not in results and self.nodes.issuperset(readers):
                    found.add(value)
        return found
