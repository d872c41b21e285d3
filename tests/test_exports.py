"""Every exported fixture, rewritten as it is and with its names restored: nothing else may change."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet

from rewriter import pipeline
from rewriter.model.storage import files
from rewriter.model.storage.sidecar_path import sidecar_path
from rewriter.passes.registry.presets import standard_passes
from rewriter.views.rewrite_report import Report
from tests.exports import EXPORTS, FILES, each_file_with, file_in_turn, stripped

each_file_and_mode = each_file_with("restore_names", [True, False])


def options(restore_names: bool, numbers: bool = False) -> pipeline.Options:
    passes = standard_passes(restore_names=restore_names)
    return pipeline.Options(passes=passes, numbers=numbers, copy_data=True)


def rewrite(path: Path, output: Path, restore_names: bool, numbers: bool = False) -> Report:
    return pipeline.rewrite(path, output, options(restore_names, numbers))


def takes_numbers(path: Path, restore_names: bool) -> bool:
    """Whether this mode runs this file: running takes long, so each file runs in one mode."""
    return bool(zlib.crc32(path.parts[-2].encode() + path.name.encode()) % 2) == restore_names


def test_the_numbers_are_taken_in_both_modes() -> None:
    assert 0.3 < sum(takes_numbers(path, True) for path in FILES) / len(FILES) < 0.7


@each_file_and_mode
def test_only_names_and_metadata_change(path: Path, restore_names: bool, tmp_path: Path) -> None:
    numbers = takes_numbers(path, restore_names)
    report = rewrite(path, tmp_path / path.name, restore_names, numbers)
    assert report.verification.certificate.equal, report.verification.certificate.difference
    if numbers:
        assert report.verification.numeric is not None
        assert report.verification.numeric.skipped is None
        assert report.verification.numeric.exact
    onnx.checker.check_model(tmp_path / path.name, full_check=True)
    before, after = files.load(path), files.load(tmp_path / path.name)
    assert stripped(after) == stripped(before)
    assert after.ir_version == before.ir_version
    if not restore_names:
        assert [node.name for node in after.graph.node] == [node.name for node in before.graph.node]
        assert [t.name for t in after.graph.initializer] == [t.name for t in before.graph.initializer]


@each_file_and_mode
def test_a_second_run_changes_nothing(path: Path, restore_names: bool, tmp_path: Path) -> None:
    once, twice = tmp_path / "once" / path.name, tmp_path / "twice" / path.name
    once.parent.mkdir()
    twice.parent.mkdir()
    rewrite(path, once, restore_names)
    rewrite(once, twice, restore_names)
    assert once.read_bytes() == twice.read_bytes()
    assert sidecar_path(once).read_bytes() == sidecar_path(twice).read_bytes()


@file_in_turn
def test_the_same_input_gives_the_same_bytes_and_stays_untouched(path: Path, tmp_path: Path) -> None:
    folder = {
        file: (file.stat().st_mtime_ns, file.read_bytes()) for file in path.parent.glob(f"{path.name}*")
    }
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        rewrite(path, tmp_path / name / path.name, restore_names=True)
    written = [{f.name: f.read_bytes() for f in (tmp_path / name).iterdir()} for name in ("one", "two")]
    assert written[0] == written[1]
    assert {file: (file.stat().st_mtime_ns, file.read_bytes()) for file in folder} == folder
    data = {file.name for file in folder} - {path.name}
    assert {*written[0]} == {path.name, sidecar_path(path).name, *data}
    for name in data:
        assert written[0][name] == (path.parent / name).read_bytes()


def unknown(message: Message) -> list[bytes]:
    """The contents of the fields that this version of ONNX does not know."""
    return [field.data for field in UnknownFieldSet(message)]  # type: ignore[attr-defined]


@pytest.mark.parametrize("restore_names", [False, True])
def test_unknown_fields_survive(restore_names: bool, tmp_path: Path) -> None:
    model = files.load(EXPORTS / "bert" / "ts.onnx")
    levels: list[Callable[[onnx.ModelProto], Message]] = [
        lambda m: m,
        lambda m: m.graph,
        lambda m: m.graph.node[3],
        lambda m: m.graph.initializer[0],
        lambda m: m.graph.initializer[-1],
        lambda m: m.graph.input[0],
    ]
    contents = [f"field of a later ONNX, level {level}".encode() for level in range(len(levels))]
    for level, content in zip(levels, contents, strict=True):
        # Field 1000 of wire type 2: tag 1000 << 3 | 2 as a varint, length, bytes.
        level(model).MergeFromString(bytes([0xC2, 0x3E, len(content)]) + content)
    before = tmp_path / "before.onnx"
    before.write_bytes(model.SerializeToString())
    rewrite(before, tmp_path / "after.onnx", restore_names)
    after = files.load(tmp_path / "after.onnx")
    assert [unknown(level(after)) for level in levels] == [[content] for content in contents]


def attribute(model: onnx.ModelProto) -> None:
    next(a for n in model.graph.node for a in n.attribute if a.type == onnx.AttributeProto.INT).i += 1


def swap(model: onnx.ModelProto) -> None:
    node = next(n for n in model.graph.node if len(n.input) == 2 and n.input[0] != n.input[1])
    node.input[0], node.input[1] = node.input[1], node.input[0]


def note(model: onnx.ModelProto) -> None:
    model.graph.node[0].doc_string += "!"


def bits(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].raw_data = bytes(len(model.graph.initializer[0].raw_data))


def order(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].CopyFrom(model.graph.initializer[1])


@pytest.mark.parametrize("damage", [attribute, swap, note, bits, order])
def test_the_comparison_sees_damage(damage: Callable[[onnx.ModelProto], None]) -> None:
    model = files.load(EXPORTS / "bert" / "ts.onnx")
    whole = stripped(model)
    damage(model)
    assert stripped(model) != whole
