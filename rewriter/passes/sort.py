"""Pass: sort the nodes of every body topologically, as ONNX demands.

Some tools append nodes at the end of a list, behind the nodes that read their results; onnxruntime's
converter to fp16 does. A node that is read too early moves directly before its first reader; all others keep
their order.

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

from rewriter.model.index.cycles import in_dataflow_order
from rewriter.model.index.graph import graphs_of
from rewriter.modules.analysis import Analysis
from rewriter.passes.base import Outcome
from rewriter.passes.preserved_parts import EVERYTHING, Part


@dataclass(frozen=True, slots=True)
class Sort:
    """Sorts the nodes of the main graph, of graph bodies and of functions. A sorted model stays as it is."""

    name: ClassVar[str] = "sort"
    requires: ClassVar[frozenset[Part]] = frozenset()
    preserves: ClassVar[frozenset[Part]] = EVERYTHING - {Part.NODES}

    def run(self, analysis: Analysis) -> Outcome:
        """Sort all lists of nodes; return the number of nodes that moved forward."""
        return Outcome({"nodes sorted": sort(analysis.model)})


def sort(model: ModelProto) -> int:
    """Sort the nodes of a model in place; return the number of nodes that moved forward.

    No list of nodes may have a cycle; `checks.check` refuses one.
    """
    moved = 0
    bodies: list[GraphProto | FunctionProto] = [model.graph, *model.functions]
    while bodies:
        body = bodies.pop()
        moved += _sort(body)
        bodies += (graph for node in body.node for each in node.attribute for graph in graphs_of(each))
    return moved


def _sort(body: GraphProto | FunctionProto) -> int:
    nodes = list(body.node)
    order = in_dataflow_order(nodes)
    if moved := _moved_forward(order):
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
