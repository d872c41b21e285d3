"""Removes from a model what exporters write beside the computation: metadata and names."""

from __future__ import annotations

import random
from collections.abc import Callable

import onnx

from rewriter.model.index.graph import NONE, GraphIndex

_SHARE = 0.25
"""Share of the nodes that `thinned` strips."""


def without_metadata(model: onnx.ModelProto) -> None:
    """Remove metadata, doc strings, value_info and the producer; keep names."""
    graph = GraphIndex(model)
    for each in (model, model.graph, *graph.nodes, *graph.initializers.values(), *model.graph.value_info):
        each.ClearField("metadata_props")
    for each in (*graph.nodes, model.graph, model):
        each.ClearField("doc_string")
    model.graph.ClearField("value_info")
    for field in ("producer_name", "producer_version"):
        model.ClearField(field)


def weights_alone(model: onnx.ModelProto) -> None:
    """Remove metadata, and replace the names of nodes and of the values that they write with counters."""
    without_metadata(model)
    graph = GraphIndex(model)
    _rename(model, graph, set(range(len(graph.nodes))))


def thinned(model: onnx.ModelProto) -> None:
    """Do the same with a quarter of the nodes, chosen at random but equally in every run."""
    graph = GraphIndex(model)
    draws = random.Random(7)
    chosen = {node for node in range(len(graph.nodes)) if draws.random() < _SHARE}
    for node in chosen:
        graph.nodes[node].ClearField("metadata_props")
        graph.nodes[node].ClearField("doc_string")
    model.graph.ClearField("value_info")
    _rename(model, graph, chosen)


def _rename(model: onnx.ModelProto, graph: GraphIndex, chosen: set[int]) -> None:
    kept = set(graph.bodies[0].results)
    names = [
        f"v{value}" if value not in kept and graph.producer[value] in chosen else name
        for value, name in enumerate(graph.value_names)
    ]
    for node, proto in enumerate(graph.nodes):
        if node in chosen:
            proto.name = f"n{node}"
        for field, values in ((proto.input, graph.reads[node]), (proto.output, graph.writes[node])):
            field[:] = [names[value] if value != NONE else "" for value in values]
    for number, body in enumerate(graph.bodies):
        for info in body.proto.output if number else ():
            if isinstance(info, onnx.ValueInfoProto):
                info.name = names[graph.value(info.name, number)]


STRIPPED: dict[str, Callable[[onnx.ModelProto], None]] = {
    "exported": lambda model: None,
    "thinned": thinned,
    "no metadata": without_metadata,
    "weights alone": weights_alone,
}
"""Name of a form -> the function that makes it."""
