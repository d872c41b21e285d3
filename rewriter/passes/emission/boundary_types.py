"""Finds types at the boundaries of functions, and keeps nodes outside whose types would be lost.

onnx infers no types after operators that it does not know. onnxruntime knows its own operators. So a child
process asks onnxruntime for the types, once, and then whether it loads the functions. Nothing is asked if
onnx knows all operators, or if no function is to be made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

from onnx import ModelProto, ValueInfoProto

from rewriter.evidence.metadata import tags
from rewriter.model import metadata
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.refusals import Reason, Refusal
from rewriter.regions.boundary import Interface
from rewriter.regions.level_graphs import Part
from rewriter.regions.opaque_nodes import Complaints, find_opaque, untyped_behind
from rewriter.regions.region_tree import TOP, Regions, keep_outside
from rewriter.runtime.infer.value_types import RuntimeTypes, ask, stated

_MOST_COMPLAINTS = 16
"""Number of single moves after which all opaque nodes move at once: each move costs a pass over the graph."""


class BoundaryTypes:
    """Types at the boundaries of a model's functions that onnx does not infer.

    Attributes:
        graph: the index of the model.
        opaque: the nodes whose output types onnx does not infer.
    """

    def __init__(self, graph: GraphIndex) -> None:
        self.graph = graph
        self.opaque = find_opaque(graph)
        self._complaints = 0

    def lift_refused(self, regions: Regions) -> list[Refusal]:
        """Move out of all regions the nodes that onnxruntime accepts in no function; return refusals."""
        if not self._asked(regions):
            return []
        refused = (self._main[position] for position in self.runtime_types.refused)
        return keep_outside(self.graph, regions, refused, Reason.NO_KERNEL)

    def lift_complained(self, regions: Regions, order: Sequence[Sequence[Part]]) -> list[Refusal]:
        """Move out of all regions the nodes to which onnx.checker would object, in place; return refusals.

        One call moves one node, since further complaints may depend on it. After `_MOST_COMPLAINTS` moves,
        one call moves all opaque nodes, and all nodes that hold one in a graph body or call a function with
        one.
        """
        if not self._asked(regions):
            return []
        node = Complaints(self.graph, self.opaque, self._typed).first(regions, order)
        if node is None:
            return []
        self._complaints += 1
        many = self._complaints > _MOST_COMPLAINTS
        nodes = self.opaque.nodes | self.opaque.holders if many else {node}
        return keep_outside(self.graph, regions, nodes, Reason.NO_TYPE)

    def lift_unloadable(self, regions: Regions, sketch: Callable[[], ModelProto]) -> list[Refusal]:
        """Move nodes out of all regions, in place, so that onnxruntime loads the functions.

        onnxruntime infers types in functions differently than in a graph. The nodes that its error names
        move. If it names none, all opaque nodes move, since all others load in functions.

        Args:
            regions: the regions.
            sketch: makes the model with its functions, without its weights.

        Returns:
            A refusal for each moved node; none if the functions load, or the original model does not load.
        """
        if not self._asked(regions) or self.runtime_types.fault or (fault := ask(sketch(), []).fault) is None:
            return []
        inside = [node for node, region in enumerate(regions.region_of) if region]
        named = [node for node in inside if f"node name: {self.graph.names[node]})" in fault]
        nodes = named or self.opaque.nodes.intersection(inside)
        return keep_outside(self.graph, regions, nodes, Reason.NO_KERNEL)

    def at(self, boundaries: Sequence[Interface]) -> dict[str, ValueInfoProto]:
        """Return the types to state at boundaries, without those that the file states."""
        if not self.opaque or not any(each.inputs or each.outputs for each in boundaries):
            return {}
        crossing = dict.fromkeys(value for each in boundaries for value in (*each.inputs, *each.outputs))
        names = [self.graph.value_names[value] for value in sorted(crossing)]
        return {name: self._types[name] for name in names if name in self._types}

    def _asked(self, regions: Regions) -> bool:
        """Whether onnxruntime is needed: there are nodes that onnx does not know, and functions to make."""
        return bool(self.opaque) and any(region.nodes for region in regions.regions[TOP + 1 :])

    @cached_property
    def runtime_types(self) -> RuntimeTypes:
        """Types and load errors that onnxruntime reports."""
        names = [self.graph.value_names[value] for value in untyped_behind(self.graph, self.opaque)]
        tried = [position for position, node in enumerate(self._main) if node in self.opaque.nodes]
        return ask(self.graph.model, [name for name in names if name not in self._stated], tried)

    @cached_property
    def _main(self) -> list[int]:
        """The nodes of the main graph, by position in it."""
        return [node for node, body in enumerate(self.graph.body_of) if body == 0]

    @cached_property
    def _stated(self) -> frozenset[str]:
        """The values whose types the main graph states."""
        model: ModelProto = self.graph.model
        infos = (*model.graph.value_info, *model.graph.input, *model.graph.output)
        return frozenset(info.name for info in infos if info.type.WhichOneof("value"))

    @cached_property
    def _types(self) -> dict[str, ValueInfoProto]:
        """The types from onnxruntime that the file does not state, each with metadata on its origin."""
        found = {}
        for name, info in self.runtime_types.types.items():
            if name not in self._stated:
                found[name] = stated(info)
                metadata.write(found[name], {tags.INFERRED: "true"})
        return found

    @cached_property
    def _typed(self) -> frozenset[int]:
        """The values of the main graph whose type is stated, by the file or by `group`."""
        values = self.graph.bodies[0].values
        names = (*self._stated, *self._types)
        return frozenset(values[name] for name in names if values.get(name, NONE) != NONE)
