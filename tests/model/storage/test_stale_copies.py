"""Copies of data beside an output go with the model that referred to them, where they are ours."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from rewriter import pipeline
from rewriter.model import metadata
from rewriter.model.storage import stale_copies as leftovers
from rewriter.model.storage.staging import digest_of
from rewriter.passes.annotate import Annotate


def source(folder: Path, seed: int, *, external: bool = True, data: str = "m.data", layers: int = 1) -> Path:
    """A model `big.onnx` in a folder of its own, its weights in `data` beside it, or inside."""
    folder.mkdir()
    names = ["x", *(f"v{number}" for number in range(layers - 1)), "y"]
    nodes = [
        helper.make_node("MatMul", [names[n], f"l{n}.weight"], [names[n + 1]], f"/l{n}/MatMul")
        for n in range(layers)
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [4, 4]) for name in ("x", "y")]
    rng = np.random.default_rng(seed)
    tensors = [numpy_helper.from_array(rng.random((4, 4), np.float32), f"l{n}.weight") for n in range(layers)]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], tensors)
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 17)])
    path = folder / "big.onnx"
    if external:
        onnx.save(model, path, save_as_external_data=True, location=data, size_threshold=0)
    else:
        onnx.save(model, path)
    return path


def write(model: Path, output: Path, **options: object) -> tuple[Path, ...]:
    """Rewrite with the weights copied; returns what was removed."""
    made = pipeline.Options((Annotate(),), numbers=False, copy_data=True, **options)  # type: ignore[arg-type]
    return pipeline.rewrite(model, output, made).removed


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()} - {"m.modules.json"}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """An output `m.onnx` with a copy of its data beside."""
    (tmp_path / "out").mkdir()
    output = tmp_path / "out" / "m.onnx"
    write(source(tmp_path / "first", 1), output)
    assert names(output.parent) == {"m.onnx", "m.data"}
    return output


def test_the_copy_goes_where_the_new_output_refers_to_other_data(out: Path, tmp_path: Path) -> None:
    removed = write(source(tmp_path / "second", 2, data="other.data"), out)
    assert removed == (out.parent / "m.data",)
    assert names(out.parent) == {"m.onnx", "other.data"}
    onnx.checker.check_model(out)
    assert write(source(tmp_path / "third", 3, data="other.data"), out) == (out.parent / "other.data",)
    assert len(names(out.parent)) == 2
    onnx.checker.check_model(out)


def test_the_copy_goes_where_the_new_output_refers_to_none(out: Path, tmp_path: Path) -> None:
    write(source(tmp_path / "second", 2, external=False), out, sidecar="none")
    assert names(out.parent) == {"m.onnx"}


def test_the_same_run_again_keeps_everything_and_gives_the_same_bytes(out: Path, tmp_path: Path) -> None:
    before = {file: file.read_bytes() for file in out.parent.iterdir()}
    assert write(tmp_path / "first" / "big.onnx", out) == ()
    assert {file: file.read_bytes() for file in out.parent.iterdir()} == before
    write(source(tmp_path / "second", 2, external=False), out)
    assert names(out.parent) == {"m.onnx"}


def test_what_another_model_mentions_stays(out: Path, tmp_path: Path) -> None:
    write(out, out.with_name("other.onnx"))  # in the same folder nothing is copied
    assert write(source(tmp_path / "second", 2, external=False), out) == ()
    onnx.checker.check_model(out.with_name("other.onnx"))


def test_data_that_was_there_before_stays(tmp_path: Path) -> None:
    """The same bytes under the same name, but not our copy."""
    model = source(tmp_path / "first", 1)
    out = tmp_path / "out" / "m.onnx"
    out.parent.mkdir()
    (out.parent / "m.data").write_bytes((model.parent / "m.data").read_bytes())
    write(model, out)
    assert write(source(tmp_path / "second", 2, external=False), out) == ()
    assert names(out.parent) == {"m.onnx", "m.data"}


def test_data_of_a_model_that_we_did_not_write_stays(tmp_path: Path) -> None:
    path = source(tmp_path / "theirs", 1)
    assert write(source(tmp_path / "second", 2, external=False), path) == ()
    assert names(path.parent) >= {"big.onnx", "m.data"}


def test_an_output_beside_its_source_owns_nothing(tmp_path: Path) -> None:
    model = source(tmp_path / "first", 1)
    out = model.with_name("m.onnx")
    write(model, out)
    model.unlink()
    assert write(source(tmp_path / "second", 2, external=False), out) == ()
    assert "m.data" in names(out.parent)


@pytest.mark.parametrize("change", ["content", "link", "name of the model"])
def test_what_is_no_longer_what_was_copied_stays(out: Path, tmp_path: Path, change: str) -> None:
    data = out.parent / "m.data"
    if change == "content":
        data.write_bytes(data.read_bytes()[::-1])
    elif change == "link":
        os.link(data, out.parent / "second name")
    else:
        out = out.rename(out.with_name("renamed.onnx"))
    assert write(source(tmp_path / "second", 2, external=False), out) == ()
    assert data.exists()


def test_a_note_can_only_name_data_that_the_model_refers_to(out: Path, tmp_path: Path) -> None:
    """Whoever wrote the file that stood there, nothing but its own weights goes with it."""
    victims = [tmp_path / "victim", out.parent / "victim"]
    for victim in victims:
        victim.write_bytes(b"mine")
    model = onnx.load(out, load_external_data=False)
    digest = digest_of(victims[0])
    forged = {"model": "m.onnx", "copies": {"../victim": digest, "victim": digest}}
    metadata.write(model, {leftovers.KEY: json.dumps(forged)})
    onnx.save(model, out)
    assert write(source(tmp_path / "second", 2, external=False), out) == ()
    assert all(victim.exists() for victim in victims)


@pytest.mark.parametrize("note", ["", "[]", '{"model": "m.onnx"}', '{"model": "m.onnx", "copies": 3}', "{"])
def test_a_damaged_note_is_none(out: Path, note: str) -> None:
    model = onnx.load(out, load_external_data=False)
    metadata.write(model, {leftovers.KEY: note})
    onnx.save(model, out)
    assert leftovers.recorded_copies(out) == {}


def test_what_is_no_model_has_no_note(tmp_path: Path) -> None:
    for content in (b"", b"\xff" * 9, b"text"):
        (tmp_path / "f").write_bytes(content)
        assert leftovers.recorded_copies(tmp_path / "f") == {}
    assert leftovers.recorded_copies(tmp_path / "none") == {}


def test_a_name_that_looks_like_a_digest_proves_nothing(tmp_path: Path) -> None:
    model = source(tmp_path / "first", 1, data="m.0123456789abcdef.data")
    assert write(source(tmp_path / "second", 2, external=False), model) == ()
    assert "m.0123456789abcdef.data" in names(model.parent)
