"""In the child: infers the types of values, and tries which nodes onnxruntime accepts in functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import onnx
from onnx import ModelProto, TensorProto, ValueInfoProto

from rewriter.runtime.child.job import Job
from rewriter.runtime.infer.value_types import RuntimeTypes, TypeRequest
from rewriter.runtime.inputs.signature import expose
from rewriter.runtime.ort import function_trials
from rewriter.runtime.ort.foreign_values import typed
from rewriter.runtime.ort.sessions import RunError, Session

_RANK = "rank of "
"""Prefix of a value's name for the value that holds its shape."""


def _by_onnx(model: ModelProto) -> dict[str, ValueInfoProto]:
    try:
        inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    except (onnx.shape_inference.InferenceError, onnx.checker.ValidationError, ValueError, RuntimeError):
        inferred = model
    graph = inferred.graph
    infos = (*graph.value_info, *graph.input, *graph.output)
    return {info.name: info for info in infos if info.type.WhichOneof("value")}


def _by_onnxruntime(model: ModelProto, names: Iterable[str]) -> dict[str, ValueInfoProto]:
    """Return the known types of the outputs and of `names` except inputs and initializers; change the model.

    Raises:
        RunError: onnxruntime does not load the model.
    """
    _make_inputs_of_weights(model)
    expose(model, names)
    told = _outputs(model)
    scalars = _scalars(model, [name for name, (_, shape) in told.items() if not shape])
    shapes = {name: shape if shape or name in scalars else None for name, (_, shape) in told.items()}
    found = {name: typed(name, text, shapes[name]) for name, (text, _) in told.items()}
    return {name: info for name, info in found.items() if info is not None}


def _outputs(model: ModelProto) -> dict[str, tuple[str, tuple[int | str | None, ...]]]:
    """Return onnxruntime's type and shape of each output; for a scalar or an unknown rank, it is empty."""
    session = Session(model.SerializeToString(), None)
    types = zip(session.types, session.shapes, strict=True)
    return dict(zip(session.outputs, types, strict=True))


def _scalars(model: ModelProto, names: Iterable[str]) -> set[str]:
    """Return the values of rank 0: the shape of their shape is (0,). None are known if a session fails."""
    exposed = ModelProto()
    exposed.CopyFrom(model)
    del exposed.graph.output[:]
    for name in names:
        exposed.graph.node.add(op_type="Shape", input=[name], output=[_RANK + name])
        exposed.graph.output.add(name=_RANK + name)
    try:
        told = _outputs(exposed) if exposed.graph.output else {}
    except RunError:
        return set()
    return {name.removeprefix(_RANK) for name, (_, shape) in told.items() if shape == (0,)}


def _make_inputs_of_weights(model: ModelProto) -> None:
    """Turn external initializers into inputs of the same type, so that a session loads without the files."""
    graph = model.graph
    inputs = {info.name for info in graph.input}
    away = [tensor for tensor in graph.initializer if tensor.data_location == TensorProto.EXTERNAL]
    here = [tensor for tensor in graph.initializer if tensor.data_location != TensorProto.EXTERNAL]
    graph.input.extend(
        onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
        for tensor in away
        if tensor.name not in inputs
    )
    del graph.initializer[:]
    graph.initializer.extend(here)


def tell_types(job: Job[TypeRequest]) -> RuntimeTypes:
    """Return the types of values, the nodes that onnxruntime refuses in functions, and its loading error."""
    (sent,) = job.models.values()
    names, nodes = job.request.names, job.request.nodes
    model = ModelProto.FromString(sent.path.read_bytes())
    types = _by_onnx(model) if names else {}
    left = [name for name in names if name not in types]
    if names and not left and not nodes:
        return _runtime_types(types, names)
    exposed = ModelProto()
    exposed.CopyFrom(model)
    job.leave(_runtime_types(types, names, fault="onnxruntime crashed or exceeded a limit"))
    fault = None
    try:
        types = {**_by_onnxruntime(exposed, left), **types}
    except RunError as error:
        fault = str(error.__cause__ or error)
    found = _runtime_types(types, names, fault)
    for refused in function_trials.refused(model, nodes, types):
        found = replace(found, refused=frozenset(refused))
        job.leave(found)
    return found


def _runtime_types(
    types: Mapping[str, ValueInfoProto], names: Iterable[str], fault: str | None = None
) -> RuntimeTypes:
    return RuntimeTypes({name: types[name] for name in names if name in types}, fault=fault)
