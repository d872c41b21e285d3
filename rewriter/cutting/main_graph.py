"""The main graph to be cut: reads of nodes with their bodies, and the constants copied with a reader."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from onnx import ModelProto

from rewriter.model.index.functions import Identity, called_by, identity_of
from rewriter.model.index.graph import NONE, GraphIndex, graphs_of
from rewriter.model.operator_set.operators import canonical
from rewriter.regions.region_tree import main_node


@dataclass(frozen=True)
class MainGraph:
    """A model whose main graph is to be cut; nodes and values are numbers of its index.

    Attributes:
        graph: the index.
        opaque: nodes that are not copied with a reader, although they may be constants.
    """

    graph: GraphIndex
    opaque: frozenset[int] = frozenset()

    @property
    def model(self) -> ModelProto:
        """The model to be cut."""
        return self.graph.model

    @cached_property
    def nodes(self) -> tuple[int, ...]:
        """The nodes of the main graph, ascending."""
        return tuple(node for node, body in enumerate(self.graph.body_of) if body == 0)

    @cached_property
    def reads(self) -> dict[int, tuple[int, ...]]:
        """Node -> the values of the main graph that it reads, including captures of its bodies."""
        graph = self.graph
        main = set(graph.bodies[0].values.values())
        found: dict[int, dict[int, None]] = {node: {} for node in self.nodes}
        for node, values in enumerate(graph.reads):
            if (holder := found.get(main_node(graph, node))) is not None:
                holder.update((value, None) for value in values if value in main)
        for body in graph.bodies[1:]:
            holder = found.get(main_node(graph, body.owner)) if body.owner != NONE else None
            if holder is not None:
                holder.update((value, None) for value in body.results if value in main)
        return {node: tuple(values) for node, values in found.items()}

    @cached_property
    def readers(self) -> dict[int, list[int]]:
        """Value -> the nodes of the main graph that read it, ascending."""
        found: dict[int, list[int]] = {}
        for node in self.nodes:
            for value in self.reads[node]:
                found.setdefault(value, []).append(node)
        return found

    @cached_property
    def results(self) -> frozenset[int]:
        """The outputs of the model."""
        return frozenset(self.graph.bodies[0].results)

    @cached_property
    def portable(self) -> frozenset[int]:
        """Nodes copied with each reader: non-opaque Constants, and Identities of initializers or of these."""
        found: set[int] = set()
        for node in self.nodes:
            proto = self.graph.nodes[node]
            if (
                canonical(proto.domain) == ""
                and node not in self.opaque
                and (
                    (proto.op_type == "Constant" and not proto.input)
                    or (
                        proto.op_type == "Identity"
                        and all(self._is_fixed(v, found) for v in self.reads[node])
                    )
                )
            ):
                found.add(node)
        return frozenset(found)

    def called(self, nodes: Iterable[int]) -> set[Identity]:
        """Return the functions that nodes call, directly or from their bodies and functions."""
        functions = {identity_of(f): f for f in self.model.functions}
        found: set[Identity] = set()
        waiting = [self.graph.nodes[node] for node in nodes]
        while waiting:
            proto = waiting.pop()
            key = called_by(proto)
            if key in functions and key not in found:
                found.add(key)
                waiting.extend(functions[key].node)
            waiting.extend(inner for each in proto.attribute for g in graphs_of(each) for inner in g.node)
        return found

    def with_constants(self, nodes: Iterable[int]) -> set[int]:
        """Return the nodes, and the portable nodes that they read, directly or through portable nodes."""
        found = set(nodes)
        waiting = list(found)
        while waiting:
            for value in self.reads[waiting.pop()]:
                maker = self.graph.producer[value]
                if maker in self.portable and maker not in found:
                    found.add(maker)
                    waiting.append(maker)
        return found

    def written(self, nodes: Iterable[int]) -> Iterator[int]:
        """Yield the values that nodes write."""
        return (value for node in nodes for value in self.graph.writes[node] if value != NONE)

    def fed_by(self, nodes: Iterable[int], among: Iterable[int]) -> set[int]:
        """Return the outputs of `nodes` and the values that depend on them through `among` (ascending)."""
        found = set(self.written(nodes))
        for node in among:
            if not found.isdisjoint(self.reads[node]):
                found.update(self.written([node]))
        return found

    def _is_fixed(self, value: int, portable: set[int]) -> bool:
        return value in self.graph.initializers or self.graph.producer[value] in portable
