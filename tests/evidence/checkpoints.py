"""Checkpoints of the fixtures, and models whose names are all gone."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper

from rewriter.model.index.graph import GraphIndex
from rewriter.model.storage import files
from tests.exports import truth_of

Array = NDArray[Any]

_WORDS = {
    "float32": "F32",
    "float16": "F16",
    "bfloat16": "BF16",
    "float64": "F64",
    "int64": "I64",
    "bool": "BOOL",
}


def write_safetensors(path: Path, tensors: Mapping[str, Array]) -> Path:
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    data = b""
    for name, array in tensors.items():
        content = np.ascontiguousarray(array).tobytes()
        offsets = [len(data), len(data) + len(content)]
        header[name] = {
            "dtype": _WORDS[array.dtype.name],
            "shape": list(array.shape),
            "data_offsets": offsets,
        }
        data += content
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def parameters_of(folder: Path) -> dict[str, Array]:
    """Return the parameters of a fixture by their true names, with the contents in its exported files."""
    found: dict[str, Array] = {}
    for variant, told in truth_of(folder)["files"].items():
        file = folder / f"{variant}.onnx"
        tensors = {tensor.name: tensor for tensor in onnx.load(file).graph.initializer}
        for name, true in told["initializers"].items():
            array = numpy_helper.to_array(tensors[name])
            for parameter in true["parameter"]:
                found.setdefault(parameter, array.T if true["transposed"] else array)
    return found


def nameless(path: Path) -> tuple[onnx.ModelProto, dict[str, str]]:
    """Return the model without its names and metadata, and the new name of every initializer."""
    model = files.load(path)
    model.ClearField("metadata_props")
    model.graph.ClearField("metadata_props")
    model.graph.ClearField("value_info")
    graph = GraphIndex(model)
    for node, proto in enumerate(graph.nodes):
        proto.name = f"n{node}"
        proto.ClearField("metadata_props")
        proto.ClearField("doc_string")
        for field, values in ((proto.input, graph.reads[node]), (proto.output, graph.writes[node])):
            for position, value in enumerate(values):
                field[position] = f"v{value}" if value >= 0 else ""
    names = {}
    for value, tensor in graph.initializers.items():
        names[tensor.name] = f"v{value}"
        tensor.ClearField("metadata_props")
    for body in graph.bodies:
        assert isinstance(body.proto, onnx.GraphProto)
        for info in (*body.proto.input, *body.proto.output):
            info.name = f"v{body.values[info.name] if info.name in body.values else graph.value(info.name)}"
    for value, tensor in graph.initializers.items():
        tensor.name = f"v{value}"
    return model, names


def tensor(name: str, array: Array) -> TensorProto:
    return numpy_helper.from_array(array, name)
