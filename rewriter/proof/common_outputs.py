"""Reduces two models with different outputs to what computes the outputs that both should have."""

from __future__ import annotations

from collections.abc import Collection

from onnx import ModelProto

from rewriter.model.index.backward_slice import names_read, reduce_to
from rewriter.proof.unread_results import remove_unread_results


def reduced(model: ModelProto, outputs: Collection[str], inputs: Collection[str] = ()) -> ModelProto:
    """Return a copy of a model without some outputs and inputs, and without all that only these outputs need.

    Args:
        model: the model.
        outputs: names of the outputs to leave out.
        inputs: names of the inputs to leave out; an input that is still needed stays.
    """
    copy = ModelProto()
    copy.CopyFrom(model)
    graph = copy.graph
    kept = [info.name for info in graph.output if info.name not in outputs]
    reduce_to(graph, kept)
    remove_unread_results(copy)
    reduce_to(graph, kept)
    needed = names_read(graph.node).union(kept)
    for position in reversed(range(len(graph.input))):
        if graph.input[position].name in inputs and graph.input[position].name not in needed:
            del graph.input[position]
    return copy
