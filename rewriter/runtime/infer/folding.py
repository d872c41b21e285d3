"""Evaluates shape arithmetic, so that shape inference can continue beyond it.

Exporters compute shapes with operators that onnx's inference cannot evaluate (ConstantOfShape, Equal, Where).
If all inputs of a node are known and small, and its outputs have small known shapes, onnx's reference
evaluator computes the outputs. Shape and Size need only the shape of their input.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import AttributeProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from rewriter.model.operator_set.determinism import counts_apart
from rewriter.model.operator_set.operators import canonical, since, versions_of

Array = NDArray[Any]
Shape = tuple[int, ...]

SMALL = 1 << 10
"""Maximum elements of a tensor that may be part of a shape."""
_MOST = 5000
"""Maximum number of evaluated outputs, to limit the time."""
_SUFFIX = "#worked out"


def fold(model: ModelProto, shapes: Mapping[str, Shape]) -> ModelProto | None:
    """Return a copy of a model in which nodes of unknown output shape read computed constants, if possible.

    Args:
        model: the model; not changed.
        shapes: value of the main graph -> its shape, if known.

    Returns:
        The copy; None if there are no such constants.
    """
    values = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer if _is_small(t)}
    versions = versions_of(model.opset_import)
    found: dict[str, Array] = {}
    for node in model.graph.node:
        if len(found) >= _MOST:
            break
        results = _results(node, shapes, values, versions)
        values.update(results)
        found.update(results)
    copy = ModelProto()
    copy.CopyFrom(model)
    used: dict[str, None] = {}
    for node in copy.graph.node:
        if all(name in shapes for name in node.output if name):
            continue
        for position, name in enumerate(node.input):
            if name in found:
                node.input[position] = name + _SUFFIX
                used[name] = None
    copy.graph.initializer.extend(numpy_helper.from_array(found[name], name + _SUFFIX) for name in used)
    return copy if used else None


def _is_small(tensor: TensorProto) -> bool:
    count = prod(tensor.dims)
    stored = tensor.HasField("raw_data") or any(
        len(getattr(tensor, field)) for field in ("int64_data", "int32_data", "float_data", "double_data")
    )
    return count <= SMALL and (stored or not count) and tensor.data_location != TensorProto.EXTERNAL


def _results(
    node: NodeProto, shapes: Mapping[str, Shape], values: Mapping[str, Array], versions: Mapping[str, int]
) -> dict[str, Array]:
    """Evaluate the outputs of a node; unknown and large ones are left out."""
    domain = canonical(node.domain)
    if domain or any(prod(shapes.get(name, (SMALL + 1,))) > SMALL for name in node.output if name):
        return {}
    if node.op_type in ("Shape", "Size") and node.input[0] in shapes:
        return {node.output[0]: _of_shape(node, shapes[node.input[0]])}
    if not all(name in values for name in node.input if name):
        return {}
    version = since(node.op_type, domain, versions.get(domain, 1))
    if counts_apart(node, domain, version, len(node.input)) or any(map(_has_graph, node.attribute)):
        return {}
    feeds = {name: values[name] for name in node.input if name}
    try:
        results = _evaluator(node, feeds, versions).run(None, feeds)
    except Exception:  # the evaluator may raise anything for operators it does not know
        return {}
    named = zip((name for name in node.output if name), results, strict=False)
    return {name: np.asarray(result) for name, result in named if np.size(result) <= SMALL}


def _evaluator(
    node: NodeProto, feeds: Mapping[str, Array], versions: Mapping[str, int]
) -> ReferenceEvaluator:
    inputs = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
        for name, value in feeds.items()
    ]
    outputs = [helper.make_empty_tensor_value_info(name) for name in node.output if name]
    graph = helper.make_graph([node], "one", inputs, outputs)
    return ReferenceEvaluator(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", versions.get("", 1))])
    )


def _of_shape(node: NodeProto, shape: Shape) -> Array:
    if node.op_type == "Size":
        return np.array(prod(shape), dtype=np.int64)
    bounds = {attribute.name: attribute.i for attribute in node.attribute}
    return np.array(shape[bounds.get("start", 0) : bounds.get("end", len(shape))], dtype=np.int64)


def _has_graph(attribute: AttributeProto) -> bool:
    return attribute.type in (AttributeProto.GRAPH, AttributeProto.GRAPHS)
