"""The child process that infers types. Run as `python -m rewriter.runtime.value_types_worker FOLDER`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import onnx
from onnx import ModelProto, TensorProto, ValueInfoProto

from rewriter.runtime.foreign import typed
from rewriter.runtime.ort import RunError, Session
from rewriter.runtime.serving import serve


def _by_onnx(model: ModelProto) -> dict[str, ValueInfoProto]:
    try:
        inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    except (onnx.shape_inference.InferenceError, onnx.checker.ValidationError, ValueError, RuntimeError):
        inferred = model
    graph = inferred.graph
    infos = (*graph.value_info, *graph.input, *graph.output)
    return {info.name: info for info in infos if info.type.WhichOneof("value")}


def _by_onnxruntime(model: ModelProto, names: Iterable[str], folder: Path) -> dict[str, ValueInfoProto]:
    _make_inputs_of_weights(model)
    there = {info.name for info in model.graph.output}
    model.graph.output.extend(ValueInfoProto(name=name) for name in names if name not in there)
    path = folder / "exposed.onnx"
    path.write_bytes(model.SerializeToString())
    try:
        session = Session(path, None, optimised=False, seed=0)
    except RunError:
        return {}
    outputs = zip(session.outputs, session.types, session.shapes, strict=True)
    return {name: info for name, text, shape in outputs if (info := typed(name, text, shape))}


def _make_inputs_of_weights(model: ModelProto) -> None:
    """Weights that are not in the file, as inputs of the same type: a session wants either."""
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


def _answer(place: Path) -> None:
    wanted = json.loads((place / "wanted.json").read_text(encoding="utf-8"))
    model = ModelProto.FromString((place / "model.onnx").read_bytes())
    types = _by_onnx(model)
    left = [name for name in wanted if name not in types]
    if left:
        types |= _by_onnxruntime(model, left, place)
    found = ModelProto()
    found.graph.output.extend(types[name] for name in wanted if name in types)
    draft = place / "draft"
    draft.write_bytes(found.SerializeToString())
    draft.replace(place / "types.onnx")


if __name__ == "__main__":
    serve(_answer)
