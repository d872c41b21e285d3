"""Writes taps into a model: the nodes and the outputs that show values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from onnx import ValueInfoProto

from rewriter.edits.taps.body_outputs import BodyOutput
from rewriter.edits.taps.copying import is_copied
from rewriter.edits.taps.named_values import homes
from rewriter.edits.taps.names import WantedTap, names_of
from rewriter.edits.taps.record import TappedValue
from rewriter.modules.analysis import Analysis
from rewriter.passes.functions.value_names import UsedNames


def write(
    analysis: Analysis,
    wanted: Sequence[WantedTap],
    types: Mapping[int, ValueInfoProto],
    *,
    stacked: bool,
) -> tuple[TappedValue, ...]:
    """Write the nodes and the outputs of taps into a model, and return the taps.

    Args:
        analysis: the model.
        wanted: the taps.
        types: value -> its type; in a body, its type in one run.
        stacked: whether outputs show all iterations of a Loop or Scan, or the last one.
    """
    graph, proto = analysis.graph, analysis.model.graph
    taken = UsedNames(graph.value_names)
    copied = [each for each in wanted if is_copied(graph, each)]
    names = dict(zip(copied, names_of(copied, taken), strict=True))
    taps = []
    for each in wanted:
        value, info = graph.value_names[each.value], types[each.value]
        way = BodyOutput(graph, each.value, info, taken, stacked=stacked)
        output = names.get(each, value)
        if homes(graph)[each.value] != 0:
            way.lead(output)
        elif each in names:
            proto.node.add(op_type="Identity", input=[value], output=[output])
            way.made.append(output)
        proto.output.add(name=output, type=way.type)
        place = (each.module, each.call)
        taps.append(TappedValue(output, value, each.what, *place, tuple(way.made), tuple(way.runs)))
    return tuple(taps)
