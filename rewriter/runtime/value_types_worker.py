"""The child process that infers types. Run as `python -m rewriter.runtime.value_types_worker FOLDER`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import onnx
from onnx import ModelProto, TensorProto, ValueInfoProto

from rewriter.runtime import trials
from rewriter.runtime.foreign import typed
from rewriter.runtime.ort import RunError, Session
from rewriter.runtime.serving import serve
from rewriter.runtime.value_types import FAULT

_RANK = "rank of "
"""Before the name of a value: the value that holds its shape."""


def _by_onnx(model: ModelProto) -> dict[str, ValueInfoProto]:
    try:
        inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    except (onnx.shape_inference.InferenceError, onnx.checker.ValidationError, ValueError, RuntimeError):
        inferred = model
    graph = inferred.graph
    infos = (*graph.value_info, *graph.input, *graph.output)
    return {info.name: info for info in infos if info.type.WhichOneof("value")}


def _by_onnxruntime(model: ModelProto, names: Iterable[str], folder: Path) -> dict[str, ValueInfoProto]:
    """The types of some values.

    Raises:
        RunError: onnxruntime makes no session of the model.
    """
    _make_inputs_of_weights(model)
    there = {info.name for info in model.graph.output}
    model.graph.output.extend(ValueInfoProto(name=name) for name in names if name not in there)
    told = _outputs(model, folder)
    scalars = _scalars(model, [name for name, (_, shape) in told.items() if not shape], folder)
    shapes = {name: shape if shape or name in scalars else None for name, (_, shape) in told.items()}
    found = {name: typed(name, text, shapes[name]) for name, (text, _) in told.items()}
    return {name: info for name, info in found.items() if info is not None}


def _outputs(model: ModelProto, folder: Path) -> dict[str, tuple[str, tuple[int | str | None, ...]]]:
    """Output -> its type and shape in onnxruntime; an unknown rank is told as if it were 0."""
    path = folder / "exposed.onnx"
    path.write_bytes(model.SerializeToString())
    session = Session(path, None, optimised=False, seed=0)
    types = zip(session.types, session.shapes, strict=True)
    return dict(zip(session.outputs, types, strict=True))


def _scalars(model: ModelProto, names: Iterable[str], folder: Path) -> set[str]:
    """Those of some outputs that are of rank 0: their shapes are of size 0."""
    exposed = ModelProto()
    exposed.CopyFrom(model)
    del exposed.graph.output[:]
    for name in names:
        exposed.graph.node.add(op_type="Shape", input=[name], output=[_RANK + name])
        exposed.graph.output.add(name=_RANK + name)
    try:
        told = _outputs(exposed, folder) if exposed.graph.output else {}
    except RunError:
        return set()
    return {name.removeprefix(_RANK) for name, (_, shape) in told.items() if shape == (0,)}


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
    asked = json.loads((place / "asked.json").read_text(encoding="utf-8"))
    model = ModelProto.FromString((place / "model.onnx").read_bytes())
    types = _by_onnx(model) if asked["names"] else {}
    _write_types(types, asked["names"], place)
    left = [name for name in asked["names"] if name not in types]
    if asked["names"] and not left and not asked["nodes"]:
        return
    exposed = ModelProto()
    exposed.CopyFrom(model)
    (place / FAULT).write_text("onnxruntime crashed", encoding="utf-8")
    try:
        types = {**_by_onnxruntime(exposed, left, place), **types}
        (place / FAULT).unlink()
    except RunError as error:
        (place / FAULT).write_text(str(error.__cause__ or error), encoding="utf-8")
    _write_types(types, asked["names"], place)
    trials.write_refused(model, asked["nodes"], types, place)


def _write_types(types: Mapping[str, ValueInfoProto], names: Iterable[str], place: Path) -> None:
    found = ModelProto()
    found.graph.output.extend(types[name] for name in names if name in types)
    draft = place / "draft"
    draft.write_bytes(found.SerializeToString())
    draft.replace(place / "types.onnx")


if __name__ == "__main__":
    serve(_answer)
