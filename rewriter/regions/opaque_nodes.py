"""Opaque nodes: nodes of operators unknown to onnx (runtimes' own, custom ones), without type inference.

onnx.checker (1.14 to 1.23, full_check) infers types body by body. It reads the `value_info` of the main
graph, and not that of functions. It reports a node that reads a value without a type, but no fault after the
first opaque node of a body. So a value without a type may leave a function only for the main graph, where its
type is stated. If another function would read the value, the opaque node behind it stays in the main graph,
before all nodes that depend on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field

from rewriter.model.index.functions import calls_of, opsets_of
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.model.operator_set.operators import canonical, schema_of
from rewriter.regions.level_graphs import Part
from rewriter.regions.region_tree import (
    TOP,
    Regions,
    holders_in_main,
    main_reads,
    shared_calls,
)

_TYPED_WHATEVER_THEY_READ = frozenset({"Cast", "Shape", "Size"})
"""Operators whose outputs have a type even if their inputs have none."""


@dataclass(frozen=True, slots=True)
class Opaque:
    """Opaque nodes of a main graph.

    Attributes:
        nodes: main-graph nodes of operators that onnx does not know.
        holders: main-graph nodes that hold an opaque node in a body, or call a function with one.
    """

    nodes: frozenset[int]
    holders: frozenset[int]

    def __bool__(self) -> bool:
        return bool(self.nodes or self.holders)


def find_opaque(graph: GraphIndex) -> Opaque:
    """Return the opaque nodes of the main graph, and the main-graph nodes that hold or call others."""
    calls = calls_of(graph)
    opsets = opsets_of(graph)
    found = []
    for node, (written, op_type) in enumerate(graph.operators):
        if node not in calls:
            domain = canonical(written)
            version = opsets[graph.body_of[node]].get(domain, 0)
            if schema_of(op_type, domain, version) is None:
                found.append(node)
    inner = (node for node in found if graph.body_of[node] != 0)
    nodes = frozenset(node for node in found if graph.body_of[node] == 0)
    return Opaque(nodes, frozenset(holders_in_main(graph, inner)))


def untyped_behind(graph: GraphIndex, opaque: Opaque) -> list[int]:
    """Return the main-graph values that opaque nodes, their holders, or nodes behind these write."""
    reads = main_reads(graph)
    found: dict[int, None] = {}
    for node, values in reads.items():
        if node in opaque.nodes or node in opaque.holders or not found.keys().isdisjoint(values):
            found.update((value, None) for value in graph.writes[node] if value != NONE)
    return list(found)


@dataclass
class Complaints:
    """Prediction of onnx.checker's complaints on a model whose regions are functions.

    Attributes:
        graph: the model.
        opaque: its opaque nodes.
        typed: the values whose types the main graph states; a function body states none.
        failed: region -> the opaque node due to which type inference of the region's call fails. The
            checker does not report it, since a body around the call is silent.
    """

    graph: GraphIndex
    opaque: Opaque
    typed: Set[int]
    failed: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._reads = main_reads(self.graph)

    def first(self, regions: Regions, order: Sequence[Sequence[Part]]) -> int | None:
        """Return the opaque node behind the first complaint; None without a complaint.

        Args:
            regions: the regions.
            order: region -> the parts of its body in order.
        """
        self.failed.clear()
        scopes = _Scopes(regions, order, self.opaque.nodes)
        known = -1
        while known < len(self.failed):  # outputs of a failed call have no type either
            known = len(self.failed)
            if (found := self._sweep(scopes)) is not None:
                return found
        return None

    def _sweep(self, scopes: _Scopes) -> int | None:
        origins: dict[int, int] = {}
        for node, values in self._reads.items():
            region = scopes.region_of(node)
            operator, is_opaque = self.graph.operators[node][1], node in self.opaque.nodes
            origin = None
            if not is_opaque and operator not in _TYPED_WHATEVER_THEY_READ:
                seen = (self._seen(value, region, origins, scopes) for value in values)
                origin = next((each for each in seen if each is not None), None)
                if origin is not None:
                    silent = scopes.silent_around(node)
                    if silent is None:
                        return origin
                    for failed in silent:
                        self.failed.setdefault(failed, origin)
            if origin is None and (is_opaque or node in self.opaque.holders):
                origin = node
            if origin is not None:
                origins.update((value, origin) for value in self.graph.writes[node] if value != NONE)
        return None

    def _seen(self, value: int, reader: int, origins: Mapping[int, int], scopes: _Scopes) -> int | None:
        """Return the opaque node due to which a value has no type at its reader; None if it has a type."""
        producer = self.graph.producer[value]
        if producer == NONE:
            return None
        made, used = scopes.chains[scopes.region_of(producer)], scopes.chains[reader]
        together = shared_calls(made, used)
        if together == 1 and value in self.typed:
            return None
        if value in origins:
            return origins[value]
        return next((self.failed[region] for region in made[together:] if region in self.failed), None)


class _Scopes:
    """Positions of parts in each body, and the position after which the checker is silent there."""

    def __init__(self, regions: Regions, order: Sequence[Sequence[Part]], opaque: Set[int]) -> None:
        self._regions = regions
        self.chains = regions.chains()
        self._position = {part: at for parts in order for at, part in enumerate(parts)}
        self._silent_from = [
            next((at for at, (is_region, n) in enumerate(parts) if not is_region and n in opaque), len(parts))
            for parts in order
        ]

    def region_of(self, node: int) -> int:
        return self._regions.region_of[node] or TOP

    def silent_around(self, node: int) -> list[int] | None:
        """Return the regions around a node below the first silent body, innermost first; None without one."""
        part: Part = (False, node)
        failed: list[int] = []
        for region in reversed(self.chains[self.region_of(node)]):
            if self._position[part] > self._silent_from[region]:
                return failed
            failed.append(region)
            part = (True, region)
        return None
