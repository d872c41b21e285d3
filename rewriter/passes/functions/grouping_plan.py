"""Plans the regions of a model that become functions, and the nodes that stay outside."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from onnx import ValueInfoProto

from rewriter.model.index.graph import NONE
from rewriter.modules.analysis import Analysis
from rewriter.modules.module import Module
from rewriter.modules.module_tree import ModuleTree
from rewriter.passes.functions.boundary_types import BoundaryTypes
from rewriter.paths import ROOT, ModulePath
from rewriter.refusals import Reason, Refusal
from rewriter.regions.boundary import Interface, find_boundaries
from rewriter.regions.convex import Part, make_convex
from rewriter.regions.order import order_parts
from rewriter.regions.ort_function_limits import LateTypes, lift_unimported, lift_uninferable
from rewriter.regions.region_tree import Regions, find_regions, name_of
from rewriter.regions.stated_types import lift_counting

MOST_ROUNDS = 8
"""Maximum number of rounds that make regions callable and convex, and of rounds that load the functions."""


@dataclass(frozen=True, slots=True)
class GroupingPlan:
    """Regions that become functions, with order, interface and types.

    Attributes:
        regions: the regions, convex.
        order: region -> the parts of its body in order.
        boundaries: region -> its interface.
        types: value at a boundary -> its type, if the file does not state it and onnx does not infer it.
        refusals: regions or nodes that could not be grouped.
    """

    regions: Regions
    order: Sequence[Sequence[Part]]
    boundaries: Sequence[Interface]
    types: Mapping[str, ValueInfoProto]
    refusals: tuple[Refusal, ...]


class Planner:
    """Maker of callable regions of a model.

    Attributes:
        regions: the regions.
        refusals: refusals so far.
    """

    def __init__(
        self, analysis: Analysis, types: BoundaryTypes, wants: Callable[[ModuleTree, Module], bool]
    ) -> None:
        graph, tree = analysis.graph, analysis.tree
        self._analysis, self._types = analysis, types
        self.regions = find_regions(graph, tree, lambda module: wants(tree, module))
        self.refusals = [
            *_in_bodies(analysis, wants),
            *lift_unimported(graph, self.regions),
            *lift_uninferable(graph, self.regions),
        ]
        self.refusals += lift_counting(graph, self.regions)
        self.refusals += types.lift_refused(self.regions)
        self._late = LateTypes(graph)

    def plan(self) -> GroupingPlan:
        """Shrink regions until all of them can be calls, and none has an input whose type is lost."""
        order = self._ordered()
        while lifted := self._types.lift_complained(self.regions, order):
            self.refusals += lifted
            order = self._ordered()
        boundaries = find_boundaries(self._analysis.graph, self.regions)
        return GroupingPlan(self.regions, order, boundaries, self._types.at(boundaries), tuple(self.refusals))

    def _ordered(self) -> Sequence[Sequence[Part]]:
        """Make regions callable and convex; return the order of the parts of each."""
        graph, tree, claims = self._analysis.graph, self._analysis.tree, self._analysis.claims
        self.refusals += self._late.lift(self.regions)
        order = order_parts(graph, self.regions)
        if order is None:
            self.refusals += make_convex(graph, self.regions, tree, claims)
            for _ in range(MOST_ROUNDS):  # a new segment may lie between a value and its reader
                if not (lifted := self._late.lift(self.regions)):
                    break
                self.refusals += lifted + make_convex(graph, self.regions, tree, claims)
            order = order_parts(graph, self.regions)
            assert order is not None, "a level with a cycle"
        return order


def _in_bodies(analysis: Analysis, wants: Callable[[ModuleTree, Module], bool]) -> Iterator[Refusal]:
    """Yield a refusal for each wanted module with nodes in a graph body of another module's node.

    Of several such modules around a node, only the outermost is refused.
    """
    graph, tree = analysis.graph, analysis.tree
    told: set[ModulePath] = set()
    for node, placement in enumerate(tree.placements):
        if placement is None or graph.bodies[graph.body_of[node]].owner == NONE:
            continue
        owners = [
            place.module if (place := tree.placements[each]) else ROOT for each in graph.enclosing(node)
        ]
        for module in tree.path_to(placement.module)[1:] if placement.module in tree else ():
            if module.calls and wants(tree, module) and not any(map(module.path.holds, owners)):
                if module.path not in told:
                    told.add(module.path)
                    yield Refusal(module.path, Reason.IN_A_BODY, name_of(graph, node))
                break
