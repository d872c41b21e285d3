"""The exported fixtures: where they lie, and what their truth says."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import onnx
import pytest

from rewriter.model.index.graph import GraphIndex

EXPORTS = Path(__file__).resolve().parent.parent / "fixtures" / "exports"
FILES = sorted(EXPORTS.glob("*/*.onnx"))
FOLDERS = sorted({path.parent for path in FILES})
STEMS = ("dy", "dy_dyn", "ts", "ts_dyn")
OF_THEIR_OWN = frozenset(
    {
        *("albert-ts", "beit-ts_dyn", "bottleneck_resnet-dy", "mixtral-dy", "nanogpt-dy_dyn", "odd_names-ts"),
        *("opset17-dy", "overlapping_numbers-dy", "random_numbers-dy", "root_sequential-ts"),
        *("nested_sequential-ts", "scripted_if_loop-ts", "uncalled_layers-ts", "deberta_v2-dy_dyn"),
        *("recurrent-dy_dyn", "cond-dy", "layoutlm-ts", "gpt2-dy", "silent_container-ts"),
    }
)
"""Files that reach lines and branches of the code that no file in turn reaches, as coverage.py has it."""


def name_of(path: Path) -> str:
    """`bert-dy`."""
    return f"{path.parent.name}-{path.stem}"


each_file = pytest.mark.parametrize("path", FILES, ids=name_of)


def each_file_with(name: str, values: Sequence[object], stems: Sequence[str] = STEMS) -> pytest.MarkDecorator:
    """Parametrize with `path` and `name`: every file with every value, by `-m thorough`.

    By default every second folder has a turn: one of its files, with one of the values. Files and values take
    turns as well, so each kind of file meets each value. Files `OF_THEIR_OWN` meet the first value besides.
    """
    cases = []
    for place, folder in enumerate(FOLDERS):
        number, waits = divmod(place, 2)
        files = [path for path in FILES if path.parent == folder and path.stem in stems]
        for path, value in product(files, values):
            turn = files[number % len(files)], values[number // len(files) % len(values)]
            alone = name_of(path) in OF_THEIR_OWN and value == values[0]
            marks = () if alone or (not waits and (path, value) == turn) else pytest.mark.thorough
            cases.append(pytest.param(path, value, id=f"{name_of(path)}-{value}", marks=marks))
    return pytest.mark.parametrize(("path", name), cases)


def turns() -> list[Path]:
    """One file of each folder, the kinds of files taking turns, and those `OF_THEIR_OWN`."""
    files = [[path for path in FILES if path.parent == folder] for folder in FOLDERS]
    found = [each[number % len(each)] for number, each in enumerate(files)]
    return [path for path in FILES if path in found or name_of(path) in OF_THEIR_OWN]


file_in_turn = pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=() if path in turns() else pytest.mark.thorough) for path in FILES],
    ids=name_of,
)
"""Every file by `-m thorough`, one of each folder by default."""


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
