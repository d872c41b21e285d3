"""Puts a fault into one node of a model; `faults` measures whether it is found."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import AttributeProto, ModelProto, NodeProto, numpy_helper

from rewriter.model.index.graph import NONE
from rewriter.modules.analysis import Analysis

_FLOATS = (onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE)

Edit = Callable[[ModelProto, Analysis, int, random.Random], ModelProto | None]
"""Function of a model, its analysis, a node and a generator; returns the model with a fault, if possible."""


def scaled(model: ModelProto, analysis: Analysis, node: int, rng: random.Random) -> ModelProto | None:
    """Multiply a weight by 1.1 to 2."""
    factor = rng.uniform(1.1, 2.0)
    return _with_weight(model, analysis, node, lambda array: array * factor)


def rounded(model: ModelProto, analysis: Analysis, node: int, rng: random.Random) -> ModelProto | None:
    """Round a weight to the grid of 8-bit integers."""

    def quantised(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        step = float(np.abs(array).max()) / 127 or 1.0
        return np.round(array / step) * step

    return _with_weight(model, analysis, node, quantised)


def quantised(model: ModelProto, analysis: Analysis, node: int, rng: random.Random) -> ModelProto | None:
    """Quantise one MatMul by onnxruntime's dynamic quantisation."""
    from onnxruntime.quantization import QuantType, quantize_dynamic  # noqa: PLC0415 - slow, and prints

    proto = analysis.graph.nodes[node]
    if proto.op_type != "MatMul" or not proto.name or len(_own_weights(analysis, node, 2)) != 1:
        return None
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "a.onnx", Path(folder) / "b.onnx"
        onnx.save(model, source)
        try:
            quantize_dynamic(source, target, nodes_to_quantize=[proto.name], weight_type=QuantType.QInt8)
        except onnx.shape_inference.InferenceError:  # it infers the whole model
            return None
        return onnx.load(target)


def other_attribute(
    model: ModelProto, analysis: Analysis, node: int, rng: random.Random
) -> ModelProto | None:
    """Change the value of an attribute that does not affect shapes."""
    proto = analysis.graph.nodes[node]
    edited = onnx.AttributeProto()
    for attribute in proto.attribute:
        if attribute.type == AttributeProto.FLOAT:
            edited = onnx.helper.make_attribute(attribute.name, attribute.f * 2 + 0.1)
        elif attribute.name == "axis" and proto.op_type in ("Softmax", "LogSoftmax"):
            edited = onnx.helper.make_attribute("axis", 0 if attribute.i else -1)
        elif attribute.name == "approximate":
            edited = onnx.helper.make_attribute("approximate", "none" if attribute.s == b"tanh" else "tanh")
        else:
            continue
        changed = copied(model)
        target = _node(changed, proto)
        if target is None:
            return None
        next(each for each in target.attribute if each.name == attribute.name).CopyFrom(edited)
        return changed
    return None


KINDS: dict[str, Edit] = {
    "weight scaled": scaled,
    "weight rounded to 8 bits": rounded,
    "attribute changed": other_attribute,
    "quantised by onnxruntime": quantised,
}


def _with_weight(
    model: ModelProto,
    analysis: Analysis,
    node: int,
    change: Callable[[npt.NDArray[Any]], npt.NDArray[Any]],
) -> ModelProto | None:
    weights = _own_weights(analysis, node, 1)
    if not weights:
        return None
    changed = copied(model)
    for tensor in changed.graph.initializer:
        if tensor.name == weights[0]:
            array = numpy_helper.to_array(tensor)
            tensor.CopyFrom(numpy_helper.from_array(change(array).astype(array.dtype), tensor.name))
    return changed


def _own_weights(analysis: Analysis, node: int, rank: int) -> list[str]:
    """Return the inline float initializers that the node reads, but nodes of other modules do not."""
    graph, places = analysis.graph, analysis.tree.placements
    found = []
    for value in graph.reads[node]:
        tensor = graph.initializers.get(value) if value != NONE else None
        if tensor is None or tensor.data_type not in _FLOATS or len(tensor.dims) < rank:
            continue
        homes = {place.module if (place := places[reader]) else None for reader in graph.readers[value]}
        if len(homes) == 1 and tensor.data_location != onnx.TensorProto.EXTERNAL:
            found.append(tensor.name)
    return found


def copied(model: ModelProto) -> ModelProto:
    copy = ModelProto()
    copy.CopyFrom(model)
    return copy


def _node(model: ModelProto, wanted: NodeProto) -> NodeProto | None:
    return next((node for node in model.graph.node if list(node.output) == list(wanted.output)), None)
