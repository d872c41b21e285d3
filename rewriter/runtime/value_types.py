"""The types of values that a file does not state: inferred in a child process, since inference can crash.

onnx's shape inference comes first; what it cannot tell (operators of runtimes, say) onnxruntime tells where
it makes a session of the model. Large weights stay here: their shapes are all that inference needs.

    model.onnx      structure, the wanted values added as outputs     wanted.json   their names
    types.onnx      a graph without nodes whose outputs have the types
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from google.protobuf.message import DecodeError, EncodeError
from onnx import ModelProto, TensorProto, ValueInfoProto

from rewriter.runtime.overloads import misread
from rewriter.runtime.sessions import in_child, scratch

_WORKER = "rewriter.runtime.value_types_worker"
_LARGE = 1 << 12
"""Bytes of a weight that holds no shape."""


def infer_types(
    model: ModelProto, wanted: Sequence[str], *, timeout: float = 600.0
) -> dict[str, ValueInfoProto]:
    """The types of values of the main graph by name; those that nobody can tell are left out.

    Args:
        model: the model; it is not changed.
        wanted: the names.
        timeout: seconds; after that nothing is told.
    """
    if misread(model):
        return {}
    with scratch() as place:
        (place / "wanted.json").write_text(json.dumps(list(wanted)), encoding="utf-8")
        try:
            (place / "model.onnx").write_bytes(_without_weights(model).SerializeToString())
        except (EncodeError, ValueError):
            return {}
        in_child(_WORKER, place, timeout)
        found = ModelProto()
        try:
            found.ParseFromString((place / "types.onnx").read_bytes())
        except (OSError, DecodeError):
            return {}
        return {info.name: info for info in found.graph.output}


def _without_weights(model: ModelProto) -> ModelProto:
    """A copy whose large inline weights are said to lie elsewhere, where inference does not look."""
    copy = ModelProto()
    copy.CopyFrom(model)
    for tensor in copy.graph.initializer:
        if tensor.data_location != TensorProto.EXTERNAL and len(tensor.raw_data) > _LARGE:
            tensor.ClearField("raw_data")
            tensor.data_location = TensorProto.EXTERNAL
            tensor.external_data.add(key="location", value="weights")
    return copy
