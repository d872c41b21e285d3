"""Finds the messages of stored tensors by name, in a model with its functions."""

from __future__ import annotations

from collections import Counter

from onnx import ModelProto, TensorProto

from rewriter.model.index.graph import NONE, GraphIndex


def messages_of(model: ModelProto) -> dict[str, TensorProto]:
    """Return name -> the message of a dense initializer, or of the tensor that a Constant writes.

    The main graph goes before bodies and functions; a name that several of those have is left out.
    """
    graph = GraphIndex(model)
    found: dict[str, TensorProto] = {}
    inner: Counter[str] = Counter()
    main = graph.bodies[0].values
    for value, name in enumerate(graph.value_names):
        tensor = message_of(graph, value)
        if tensor is None or not isinstance(name, str):
            continue
        if main.get(name, NONE) == value:
            found[name] = tensor
        elif name not in main:
            inner[name] += 1
            found[name] = tensor
    return {name: tensor for name, tensor in found.items() if inner[name] <= 1}


def message_of(graph: GraphIndex, value: int) -> TensorProto | None:
    """Return the message of a stored tensor; None for other values, and for a Constant without a tensor."""
    if value in graph.initializers:
        return graph.initializers[value]
    node = graph.producer[value]
    if node == NONE or graph.operators[node][1] != "Constant":
        return None
    return next((each.t for each in graph.nodes[node].attribute if each.name == "value"), None)


def clear_content(tensor: TensorProto) -> None:
    """Remove the content of a tensor, wherever it is stored; its name, shape and type stay."""
    for name in _CONTENT:
        tensor.ClearField(name)


_CONTENT = (
    "raw_data",
    "float_data",
    "int32_data",
    "string_data",
    "int64_data",
    "double_data",
    "uint64_data",
    "external_data",
    "data_location",
    "segment",
)
