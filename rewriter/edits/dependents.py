"""Finds the nodes that go with a module: those that depend on it, and those that only these need."""

from __future__ import annotations

from collections.abc import Set
from functools import cached_property

from rewriter.cutting.main_graph import MainGraph
from rewriter.model.index.graph import NONE
from rewriter.regions.shape_arithmetic import Arithmetic


class Dependents:
    """Nodes of the main graph that go with nodes of modules.

    Args:
        main: the main graph.
        own: the nodes of the modules. Constants and shape arithmetic among them stay if other nodes read
            them, since exporters keep one of several equal ones.
    """

    def __init__(self, main: MainGraph, own: Set[int]) -> None:
        self._main = main
        self._own = own

    @cached_property
    def nodes(self) -> frozenset[int]:
        """All nodes that go."""
        gone = self._depending()
        gone.update(node for node in self._own if not self._given(node))
        for node in reversed(self._main.nodes):
            readers = self._readers(node)
            if node not in gone and readers and gone.issuperset(readers) and not self._is_result(node):
                gone.add(node)
        return frozenset(gone)

    def _depending(self) -> set[int]:
        """Return the nodes of the modules that compute something, and all nodes that depend on these."""
        graph = self._main.graph
        cheap = Arithmetic(graph, frozenset()).leaves
        computing = {n for n in self._own if n not in cheap and not graph.constants.issuperset(self._made(n))}
        gone = computing or set(self._own)
        made = set(self._main.written(gone))
        for node in self._main.nodes:
            if node not in gone and not made.isdisjoint(self._main.reads[node]):
                gone.add(node)
                made.update(self._made(node))
        return gone

    def _given(self, node: int) -> bool:
        """Whether other nodes read a result of a node, or it is an output of the model."""
        return bool(self._readers(node)) or self._is_result(node)

    def _readers(self, node: int) -> set[int]:
        return {reader for value in self._made(node) for reader in self._main.readers.get(value, ())}

    def _is_result(self, node: int) -> bool:
        return not self._main.results.isdisjoint(self._made(node))

    def _made(self, node: int) -> list[int]:
        return [value for value in self._main.graph.writes[node] if value != NONE]
