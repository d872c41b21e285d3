"""Plans the regions of a body that become functions, and the nodes that stay outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from onnx import ValueInfoProto

from rewriter.modules.module_tree import ModuleTree
from rewriter.passes.emission.boundary_types import BoundaryTypes
from rewriter.refusals import Reason, Refusal
from rewriter.regions.body_view import BodyView
from rewriter.regions.boundary import Interface, find_boundaries
from rewriter.regions.convex import make_convex
from rewriter.regions.level_graphs import Part
from rewriter.regions.opaque_nodes import find_opaque
from rewriter.regions.order import order_parts
from rewriter.regions.ort_function_limits import LateTypes, lift_unimported, lift_uninferable
from rewriter.regions.region_tree import RegionFinder, Regions, keep_outside
from rewriter.regions.stated_types import lift_counting

MOST_ROUNDS = 8
"""Maximum number of rounds that make regions callable and convex, and of rounds that load the functions."""


@dataclass(frozen=True, slots=True)
class GroupingPlan:
    """Regions of a body that become functions, with order, interface and types.

    Attributes:
        view: the body.
        regions: the regions, convex.
        order: region -> the parts of its body in order.
        boundaries: region -> its interface.
        types: value at a boundary -> its type, if the file does not state it and onnx does not infer it.
        refusals: regions or nodes that could not be grouped.
    """

    view: BodyView
    regions: Regions
    order: Sequence[Sequence[Part]]
    boundaries: Sequence[Interface]
    types: Mapping[str, ValueInfoProto]
    refusals: tuple[Refusal, ...]


class Planner:
    """Maker of callable regions of a body.

    Args:
        view: the body.
        tree: the modules of the model.
        finder: the finder of its regions.
        types: types at the boundaries of the main graph. None in a graph body, which no runtime loads alone:
            there, all nodes of operators that onnx does not know stay outside of functions.

    Attributes:
        regions: the regions.
        refusals: refusals so far.
    """

    def __init__(
        self, view: BodyView, tree: ModuleTree, finder: RegionFinder, types: BoundaryTypes | None
    ) -> None:
        graph = view.graph
        self._view, self._tree, self._types = view, tree, types
        self.regions = finder.find(graph, view.placements, view.is_around)
        self.refusals = [*lift_unimported(graph, self.regions), *lift_uninferable(graph, self.regions)]
        self.refusals += lift_counting(graph, self.regions, view.stated, view.counted)
        if types is not None:
            self.refusals += types.lift_refused(self.regions)
        else:
            opaque = find_opaque(graph)
            nodes = opaque.nodes | opaque.holders
            self.refusals += keep_outside(graph, self.regions, nodes, Reason.OPAQUE_IN_A_BODY)
        self._late = LateTypes(graph, view.late, passed=any(map(finder.has_regions, view.modules_around)))

    def plan(self) -> GroupingPlan:
        """Shrink regions until all of them can be calls, and none has an input whose type is lost."""
        order = self._ordered()
        types = self._types
        while types is not None and (lifted := types.lift_complained(self.regions, order)):
            self.refusals += lifted
            order = self._ordered()
        boundaries = find_boundaries(self._view.graph, self.regions)
        stated = {} if types is None else types.at(boundaries)
        return GroupingPlan(self._view, self.regions, order, boundaries, stated, tuple(self.refusals))

    def _ordered(self) -> Sequence[Sequence[Part]]:
        """Make regions callable and convex; return the order of the parts of each."""
        graph, tree, claims = self._view.graph, self._tree, self._view.claims
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
