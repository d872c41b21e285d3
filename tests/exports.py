"""The exported fixtures: where they lie, and what their truth says."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import onnx
import pytest

from rewriter.model.graph import GraphIndex

EXPORTS = Path(__file__).resolve().parent.parent / "fixtures" / "exports"
FILES = sorted(EXPORTS.glob("*/*.onnx"))

each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")


@cache
def truth_of(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "truth.json").read_text())
    return content


def stripped(model: onnx.ModelProto) -> bytes:
    """The model without what the passes may change: metadata, the IR version, names of nodes and weights.

    Every name of a value becomes its number in the index, so what is connected to what remains.
    """
    bare = onnx.ModelProto()
    bare.CopyFrom(model)
    bare.ClearField("ir_version")
    bare.ClearField("metadata_props")
    graph = GraphIndex(bare)
    names = {name: f"#{value}" for name, value in graph.bodies[0].values.items()}
    interface = {info.name for side in (bare.graph.input, bare.graph.output) for info in side}
    for node, proto in enumerate(graph.nodes):
        proto.ClearField("name")
        proto.ClearField("metadata_props")
        for field, values in ((proto.input, graph.reads[node]), (proto.output, graph.writes[node])):
            for position, value in enumerate(values):
                if field[position] not in interface:
                    field[position] = f"#{value}"
    for tensor in graph.initializers.values():
        tensor.ClearField("metadata_props")
        if tensor.name not in interface:
            tensor.name = names.get(tensor.name, tensor.name)
    for info in bare.graph.value_info:
        if info.name not in interface:
            info.name = names.get(info.name, info.name)
    return bare.SerializeToString(deterministic=True)
