"""Provides onnx's own backend tests as files: those in the wheel, and the node tests, which it generates.

Every case is a folder with `model.onnx` and `test_data_set_<n>/{input,output}_<n>.pb`, as in onnx's sources.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import onnx
from onnx import numpy_helper
from onnx.backend.test import loader

KINDS = ("light", "pytorch-converted", "pytorch-operator", "simple")
"""Kinds of cases that are files of the wheel; the files of `real` would have to be downloaded."""

Recorded = dict[str, Any]


def shipped() -> Iterator[Path]:
    """Yield the files in the wheel."""
    for kind in KINDS:
        yield from sorted((Path(loader.DATA_DIR) / kind).rglob("*.onnx"))


def node_tests(folder: Path, every: int = 1) -> Iterator[Path]:
    """Write every n-th node test into a new folder; yield the files. onnx before 1.20 has no loader."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some cases overflow on purpose
        cases = sorted(loader.load_node_model_tests(), key=lambda case: case.name)
    for case in cases[::every]:
        assert case.model
        home = folder / case.name
        home.mkdir(parents=True)
        (home / "model.onnx").write_bytes(case.model.SerializeToString())
        for number, (inputs, outputs) in enumerate(case.data_sets or ()):
            data = home / f"test_data_set_{number}"
            data.mkdir()
            _record(data, "input", inputs, case.model.graph.input)
            _record(data, "output", outputs, case.model.graph.output)
        yield home / "model.onnx"


def _record(folder: Path, side: str, values: Sequence[Any], infos: Sequence[onnx.ValueInfoProto]) -> None:
    for number, (value, info) in enumerate(zip(values, infos, strict=False)):
        proto = value if isinstance(value, onnx.TensorProto) else _proto(value, info)
        (folder / f"{side}_{number}.pb").write_bytes(proto.SerializeToString())


def _proto(value: Any, info: onnx.ValueInfoProto) -> Any:
    match info.type.WhichOneof("value"):
        case "sequence_type":
            return numpy_helper.from_list(value, info.name)
        case "optional_type":
            return numpy_helper.from_optional(value, info.name)
        case "map_type":
            return numpy_helper.from_dict(value, info.name)
    return numpy_helper.from_array(value, info.name)


def recorded(model: onnx.ModelProto, path: Path) -> list[tuple[Recorded, list[Any]]]:
    """Return the inputs by name and the outputs recorded beside a model, one pair per set; often none."""
    found = []
    for folder in sorted(path.parent.glob("test_data_set_*")):
        inputs = _read(folder, "input", model.graph.input)
        outputs = _read(folder, "output", model.graph.output)
        names = [info.name for info in model.graph.input]
        found.append((dict(zip(names, inputs, strict=False)), outputs))
    return found


def _read(folder: Path, side: str, infos: Sequence[onnx.ValueInfoProto]) -> list[Any]:
    files = (folder / f"{side}_{number}.pb" for number in range(len(infos)))
    return [_value(path.read_bytes(), info) for path, info in zip(files, infos, strict=True) if path.exists()]


def _value(data: bytes, info: onnx.ValueInfoProto) -> Any:
    match info.type.WhichOneof("value"):
        case "sequence_type":
            return numpy_helper.to_list(onnx.SequenceProto.FromString(data))
        case "optional_type":
            return numpy_helper.to_optional(onnx.OptionalProto.FromString(data))
        case "map_type":
            return numpy_helper.to_dict(onnx.MapProto.FromString(data))
    tensor = onnx.TensorProto.FromString(data)
    array = numpy_helper.to_array(tensor)
    return array.astype(object) if tensor.data_type == onnx.TensorProto.STRING else array
