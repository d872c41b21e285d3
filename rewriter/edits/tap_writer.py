"""Writes taps into a model: the nodes and the outputs that show values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from onnx import ValueInfoProto

from rewriter.edits.named_values import homes
from rewriter.edits.tap_names import WantedTap, names_of
from rewriter.edits.tap_record import TappedValue
from rewriter.model.index.graph import GraphIndex
from rewriter.modules.analysis import Analysis
from rewriter.passes.functions.value_names import UsedNames
from rewriter.refusals import Reason


def fault_of(graph: GraphIndex, value: int, *, stacked: bool) -> Reason | None:
    """Return the reason why a value cannot leave its body; None if it can."""
    body = homes(graph)[value]
    if body != 0:
        return Reason.IN_A_FUNCTION
    return None


def write(
    analysis: Analysis,
    wanted: Sequence[WantedTap],
    types: Mapping[int, ValueInfoProto],
    *,
    stacked: bool,
) -> tuple[TappedValue, ...]:
    """Write the nodes and the outputs of taps into a model, and return the taps."""
    graph, proto = analysis.graph, analysis.model.graph
    names = names_of(wanted, UsedNames(graph.value_names))
    taps = []
    for each, name in zip(wanted, names, strict=True):
        value = graph.value_names[each.value]
        direct = each.what == "value"
        output = value if direct else name
        if not direct:
            proto.node.add(op_type="Identity", input=[value], output=[output])
        proto.output.add(name=output, type=types[each.value].type)
        made = () if direct else (output,)
        taps.append(TappedValue(output, value, each.what, each.module, each.call, made))
    return tuple(taps)
