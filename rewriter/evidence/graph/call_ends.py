"""Finds the ends of calls of a module: later nodes of the module belong to another call.

The dynamo exporter writes on a node the modules that were running when it made the node, and makes nodes in
the order of the run. A node whose record lacks a module is *foreign* to that module; a node
without a record is not. A foreign node separates the nodes of the module before and behind it in two ways:

- A path of values that leads from a node of the module through the foreign node to another node of the module
  begins in one call and ends in a later one, in whatever order the file is.
- In a file in the order of the exporter, nodes before and behind the foreign node belong to different calls
  even without such a path. As a check of the order, both sides must read a weight in common, as calls of one
  module do.

A module that calls a module from elsewhere in the tree keeps running meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import pairwise
from math import prod

from onnx import TensorProto

from rewriter.evidence.claims import Claim, Source
from rewriter.evidence.metadata import dynamo
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.model.tensors import FLOATS
from rewriter.paths import ModulePath

_RECORDED = frozenset({Source.EXPORTER, Source.PARAMETER})
"""The sources of claims that may hold the record of the exporter."""


class CallEnds:
    """Places between the nodes of a module where one call must end and another begin.

    Args:
        graph: the model.
        claims: node -> its claims, the winner first.
    """

    def __init__(self, graph: GraphIndex, claims: Sequence[Sequence[Claim]]) -> None:
        self._graph = graph
        self._stacks = [
            dynamo.running(of_node[0]) if of_node and of_node[0].source in _RECORDED else ()
            for of_node in claims
        ]
        self._running = {module for stack in set(self._stacks) for module in stack}
        self._elsewhere: dict[tuple[tuple[ModulePath, ...], ModulePath], list[ModulePath]] = {}
        self._claims = claims

    @cached_property
    def _in_order(self) -> bool:
        return _in_order(self._graph, (of_node[0] for of_node in self._claims if of_node))

    def of(self, path: ModulePath, nodes: Sequence[int]) -> list[int]:
        """Return the positions in `nodes` at which another call begins, ascending.

        Args:
            path: the module; if it never ran (a list), there are no such positions.
            nodes: the nodes of the module and its submodules, ascending.
        """
        if path not in self._running or nodes[-1] - nodes[0] < len(nodes):
            return []
        place = {node: position for position, node in enumerate(nodes) if self._stacks[node]}
        if not place:
            return []
        gaps, cuts = self._gaps(path, place), self._by_values(path, place)
        if self._in_order:
            for before, gap, after in zip((0, *gaps), gaps, (*gaps[1:], len(nodes)), strict=False):
                if not self._weights(nodes[before:gap]).isdisjoint(self._weights(nodes[gap:after])):
                    cuts.append(gap)
        return sorted(set(cuts))

    def running_elsewhere(self, node: int, module: ModulePath) -> list[ModulePath]:
        """Return the modules that were running when a node was made and do not hold its module."""
        stack = self._stacks[node]
        if (found := self._elsewhere.get((stack, module))) is None:
            found = [each for each in stack if not each.holds(module)]
            self._elsewhere[stack, module] = found
        return found

    def _gaps(self, path: ModulePath, place: dict[int, int]) -> list[int]:
        """Return the positions directly behind nodes that were made while the module was not running."""
        return [
            place[right]
            for left, right in pairwise(place)
            if right - left > 1 and any(self._is_without(path, node) for node in range(left + 1, right))
        ]

    def _by_values(self, path: ModulePath, place: dict[int, int]) -> list[int]:
        """Return the positions of nodes on a path of values that left the module more often than any before.

        A position is moved back to the last gap before it, unless that gap has a position already.
        """
        # Node -> twice the most departures on a path to it, plus one while that path is outside.
        reached: dict[int, int] = {}
        cuts: list[int] = []
        lap, position, gap = 0, 0, 0
        reads, producer = self._graph.reads, self._graph.producer
        for node in range(next(iter(place)), next(reversed(place)) + 1):
            before = -1
            for value in reads[node]:
                if value != NONE and reached.get(producer[value], -1) > before:
                    before = reached[producer[value]]
            if node in place:
                position = place[node]
                reached[node] = before + before % 2 if before >= 0 else 0
                if reached[node] // 2 > lap:
                    lap = reached[node] // 2
                    cuts.append(gap if gap > (cuts[-1] if cuts else 0) else position)
            else:
                without = self._is_without(path, node)
                gap = position + 1 if without else gap
                if before >= 0:
                    reached[node] = before | without
        return cuts

    def _is_without(self, path: ModulePath, node: int) -> bool:
        stack = self._stacks[node]
        return bool(stack) and path not in stack

    def _weights(self, nodes: Iterable[int]) -> set[int]:
        """Return the weights that nodes read, without sizes, axes and factors, which any module may read."""
        read = {value for node in nodes for value in self._graph.reads[node]}
        return {
            value for value in read if (tensor := self._graph.initializers.get(value)) and _is_weight(tensor)
        }


def _is_weight(tensor: TensorProto) -> bool:
    return tensor.data_type in FLOATS and prod(tensor.dims) > 1


def _in_order(graph: GraphIndex, claims: Iterable[Claim]) -> bool:
    """Whether the nodes are in the order of the exporter, by the counters in torch.fx's operator names."""
    last: dict[tuple[int, str], int] = {}
    for claim in claims:
        base, _, counter = dynamo.operator(claim).rpartition("_")
        if base and counter.isdecimal():
            key = graph.body_of[claim.node], base
            if last.setdefault(key, number := int(counter)) > number:
                return False
            last[key] = number
    return True
