"""In the child: evaluates closed expressions with onnxruntime and with onnx's reference evaluator."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

import numpy as np
import onnx
from onnx import ModelProto
from onnx.reference import ReferenceEvaluator

from rewriter.runtime.child.job import Job
from rewriter.runtime.infer.constants import Array, ConstantRequest, Values
from rewriter.runtime.ort.sessions import RunError, Session

_CLOSE = 4
"""Maximum difference in ulp of two evaluations that both count, as rounded otherwise."""


def evaluate(job: Job[ConstantRequest]) -> Mapping[str, Values]:
    """Return the outputs that both evaluators compute, from the same inputs of each node."""
    (sent,) = job.models.values()
    model = onnx.load(sent.path)
    first = by_onnxruntime(model)
    return agreed(first, by_reference(model, first))


def agreed(first: Mapping[str, Array], second: Mapping[str, Array]) -> Mapping[str, Values]:
    """Return the values on which two evaluations agree, or nearly agree."""
    found = {name: _values(value, second[name]) for name, value in first.items() if name in second}
    return {name: values for name, values in found.items() if values}


def _values(left: Array, right: Array) -> Values:
    """Return one value if both have the same bits, both if they are close, else none."""
    if left.dtype != right.dtype or left.shape != right.shape:
        return ()
    if np.ascontiguousarray(left).tobytes() == np.ascontiguousarray(right).tobytes():
        return (left,)
    if left.dtype.kind != "f" or not (np.isfinite(left).all() and np.isfinite(right).all()):
        return ()
    room = _CLOSE * np.spacing(np.maximum(np.abs(left), np.abs(right)))
    return (left, right) if (np.abs(left - right) <= room).all() else ()


def by_onnxruntime(model: ModelProto) -> dict[str, Array]:
    """Return the outputs; if a node fails, those that do not depend on it."""
    names = [info.name for info in model.graph.output]
    try:
        session = Session(model.SerializeToString(), None)
        return dict(zip(session.outputs, session.run((), {}), strict=True))
    except RunError:
        if len(names) <= 1:
            return {}
    half = len(names) // 2
    return {
        **by_onnxruntime(_reduced(model, names[:half])),
        **by_onnxruntime(_reduced(model, names[half:])),
    }


def _reduced(model: ModelProto, names: list[str]) -> ModelProto:
    """Return a copy that computes only some outputs."""
    copy = ModelProto()
    copy.CopyFrom(model)
    needed = set(names)
    for node in reversed(model.graph.node):
        if needed.intersection(node.output):
            needed.update(node.input)
    del copy.graph.node[:]
    copy.graph.node.extend(node for node in model.graph.node if needed.intersection(node.output))
    del copy.graph.output[:]
    copy.graph.output.extend(info for info in model.graph.output if info.name in names)
    return copy


def by_reference(model: ModelProto, known: Mapping[str, Array]) -> dict[str, Array]:
    """Return the value that the reference evaluator computes of each node, from `known` inputs."""
    inputs = {each.name: onnx.numpy_helper.to_array(each) for each in model.graph.initializer} | dict(known)
    values: dict[str, Array] = {}
    for node in model.graph.node:
        feeds = {name: inputs[name] for name in node.input if name in inputs}
        if len(feeds) == len({name for name in node.input if name}):
            with contextlib.suppress(Exception):  # it may raise anything for operators that it lacks
                (result,) = _evaluator(node, feeds, model).run(None, feeds)
                values[node.output[0]] = np.asarray(result)
                inputs.setdefault(node.output[0], values[node.output[0]])
    return values


def _evaluator(node: onnx.NodeProto, feeds: Mapping[str, Array], model: ModelProto) -> ReferenceEvaluator:
    inputs = [
        onnx.helper.make_tensor_value_info(
            name, onnx.helper.np_dtype_to_tensor_dtype(value.dtype), value.shape
        )
        for name, value in feeds.items()
    ]
    outputs = [onnx.helper.make_empty_tensor_value_info(node.output[0])]
    graph = onnx.helper.make_graph([node], "one", inputs, outputs)
    return ReferenceEvaluator(
        onnx.helper.make_model(graph, opset_imports=list(model.opset_import), ir_version=model.ir_version)
    )
