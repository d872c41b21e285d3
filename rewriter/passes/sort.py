"""Pass: sort the nodes of the main graph and of its graph bodies topologically, as ONNX demands.

Some tools append nodes at the end of a list, behind the nodes that read their results; onnxruntime's
converter to fp16 does. Nodes that are read too early move before their first reader, in the order of the
file; all others keep their order.

Before::

    g (float[2] x) => (float[2] y) {
      y = Neg (a)
      a = Relu (x)
    }

After::

    g (float[2] x) => (float[2] y) {
      a = Relu (x)
      y = Neg (a)
    }
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from onnx import FunctionProto, GraphProto, ModelProto

from rewriter.errors import UnreadableModel
from rewriter.model.index.cycles import Circle, in_dataflow_order, title
from rewriter.model.index.graph import graphs_of
from rewriter.model.operator_set.draw_order import DrawOrder
from rewriter.modules.analysis import Analysis
from rewriter.passes.base import Outcome
from rewriter.passes.preserved_parts import EVERYTHING, Part


@dataclass(frozen=True, slots=True)
class Sort:
    """Sorts the nodes of the main graph and of its graph bodies. A sorted model stays as it is."""

    name: ClassVar[str] = "sort"
    requires: ClassVar[frozenset[Part]] = frozenset()
    preserves: ClassVar[frozenset[Part]] = EVERYTHING - {Part.NODES}

    def run(self, analysis: Analysis) -> Outcome:
        """Sort all lists of nodes; return the number of nodes that moved forward."""
        return Outcome({"nodes sorted": sort(analysis.model)})


def sort(model: ModelProto) -> int:
    """Sort the nodes of a model in place; return the number of nodes that moved forward.

    Raises:
        UnreadableModel: nodes of a function, or of a body in it, are not sorted: onnxruntime inlines them in
            the order of the file. Or nodes of a body feed each other by name; `checks.check` does not see
            this if a graph around the body has such a name, too.
    """
    moved, draw_order = 0, DrawOrder(model)
    bodies: list[tuple[GraphProto | FunctionProto, str]] = [(model.graph, "")]
    bodies += ((function, str(function.name)) for function in model.functions)
    while bodies:
        body, function = bodies.pop()
        moved += _sort(body, function, draw_order)
        inner = (graph for node in body.node for each in node.attribute for graph in graphs_of(each))
        bodies += ((graph, function) for graph in inner)
    return moved


def _sort(body: GraphProto | FunctionProto, function: str, draw_order: DrawOrder) -> int:
    nodes = list(body.node)
    try:
        order = in_dataflow_order(nodes) if function else in_dataflow_order(nodes, draw_order.draws)
    except Circle as found:
        first = title(nodes[found.members[0]])
        raise UnreadableModel(
            f"nodes are not sorted, and by name they feed each other, among them {first}; rename the values"
        ) from None
    if moved := _moved_forward(order):
        if function:
            raise UnreadableModel(
                f"the nodes of function {function!r} are not sorted, and onnxruntime inlines them so; "
                "sort them where the function was made"
            )
        del body.node[:]
        body.node.extend(nodes[at] for at in order)
    return moved


def _moved_forward(order: Sequence[int]) -> int:
    """Return the number of nodes that now come before a node that preceded them."""
    moved, least = 0, len(order)
    for at in reversed(order):
        moved += at > least
        least = min(at, least)
    return moved
