"""Types of tapped values: stated in the file, inferred, or measured."""

from __future__ import annotations

from collections.abc import Collection

from onnx import ValueInfoProto

from rewriter.cutting.check import Checking
from rewriter.cutting.hoisting import Flat, hoist
from rewriter.cutting.types import types_of
from rewriter.edits.taps.named_values import homes
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.modules.analysis import Analysis


def types_of_values(analysis: Analysis, values: Collection[int], how: Checking) -> dict[int, ValueInfoProto]:
    """Return value -> its type; in a body, its type in one run of the body. Unknown types are left out.

    Raises:
        CannotCut: a value is in a body of another operator than If, Loop and Scan.
    """
    graph = analysis.graph
    flat = hoist(graph, {body for value in values for body in _around(graph, homes(graph)[value])})
    names = {value: name for value in values if (name := _name_in(flat, graph, value)) is not None}
    folder = analysis.path.parent if analysis.path else None
    types = types_of(flat, names.values(), folder, how)
    return {value: types[name] for value, name in names.items() if name in types}


def _around(graph: GraphIndex, body: int) -> list[int]:
    """Return a body and the bodies around it, without the main graph."""
    found = []
    while graph.bodies[body].owner != NONE:
        found.append(body)
        body = graph.bodies[body].outer
    return found


def _name_in(flat: Flat, graph: GraphIndex, value: int) -> str | None:
    """Return the name of a value in the flat model; None for the input of a body whose name is not unique."""
    producer, name = graph.producer[value], graph.value_names[value]
    if producer != NONE:
        position = graph.writes[producer].index(value)
        return flat.main.graph.nodes[flat.place[producer]].output[position]
    if homes(graph)[value] == 0:
        return name
    copies = [copy for copy, original in flat.names.items() if original == name]
    return copies[0] if len(copies) == 1 else None
