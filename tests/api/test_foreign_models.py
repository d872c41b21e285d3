"""Objects of other libraries go in and come out, with the same proof, and nothing is imported for it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest

import rewriter
from rewriter.api.foreign_models import take
from rewriter.errors import UsageError
from rewriter.evidence.metadata import tags
from rewriter.model.metadata import read
from tests.exports import EXPORTS

FIXTURES = [EXPORTS / "bert" / "ts.onnx", EXPORTS / "gpt2" / "dy.onnx", EXPORTS / "cond" / "dy.onnx"]
KINDS = ["path", "bytes", "proto", "onnx_ir", "program", "graphsurgeon"]


def _held(kind: str, path: Path) -> Any:
    if kind == "path":
        return path
    if kind == "bytes":
        return path.read_bytes()
    if kind == "proto":
        return onnx.load(path)
    if kind == "graphsurgeon":
        return pytest.importorskip("onnx_graphsurgeon").import_onnx(onnx.load(path))
    model = pytest.importorskip("onnx_ir").load(path)
    if kind == "onnx_ir":
        return model
    return pytest.importorskip("torch.onnx").ONNXProgram(model, None)


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.parent.name)
@pytest.mark.parametrize("kind", KINDS)
def test_what_comes_in_comes_out(kind: str, path: Path, tmp_path: Path) -> None:
    held = _held(kind, path)
    if kind == "path":
        report = rewriter.rewrite(held, tmp_path / "o.onnx", numbers=False)
        assert report.result == tmp_path / "o.onnx"
        assert isinstance(rewriter.rewrite(held, numbers=False).result, onnx.ModelProto)
    else:
        before = rewriter.tree(held)
        report = rewriter.rewrite(held, numbers=False)
        assert type(report.result) is type(held)
        assert report.result is not held
        assert rewriter.tree(held).placements == before.placements
    assert report.verification.certificate == rewriter.rewrite(path, numbers=False).verification.certificate
    assert report.verification.certificate.equal
    assert rewriter.verify(held, report.result, numbers=False).verdict == "equal"
    if kind != "graphsurgeon":  # which has no room for it
        again = rewriter.load(report.result)
        assert tags.TREE in read(again.model)
        assert again.tree.placements == report.analysis.tree.placements
        assert again.tree.placed > 0


def test_an_object_keeps_what_belongs_to_it() -> None:
    program = _held("program", FIXTURES[0])
    program.exported_program = "where it came from"
    assert rewriter.rewrite(program, numbers=False).result.exported_program == "where it came from"


def test_weights_of_an_object_may_lie_in_a_file(tmp_path: Path) -> None:
    for file in (EXPORTS / "external_data").glob("dy.onnx*"):
        shutil.copy(file, tmp_path)
    model = _held("onnx_ir", tmp_path / "dy.onnx")
    report = rewriter.rewrite(model, numbers=True)
    assert report.verification.numeric is not None
    assert report.verification.numeric.exact
    weight = report.result.graph.initializers["body.0.weight"].const_value
    assert (weight.numpy() == model.graph.initializers["body.0.weight"].const_value.numpy()).all()
    (tmp_path / "far").mkdir()
    with pytest.raises(UsageError, match="the weights lie in"):
        rewriter.rewrite(model, tmp_path / "far" / "o.onnx")
    rewriter.rewrite(model, tmp_path / "far" / "o.onnx", copy_data=True)
    assert rewriter.verify(tmp_path / "dy.onnx", tmp_path / "far" / "o.onnx").verdict == "equal"


def test_weights_in_several_folders_are_no_model(tmp_path: Path) -> None:
    model = _held("onnx_ir", EXPORTS / "external_data" / "dy.onnx")
    model.graph.initializers["body.0.weight"].const_value.base_dir = str(tmp_path)
    with pytest.raises(UsageError, match="save the model first"):
        rewriter.rewrite(model)


@pytest.mark.parametrize("verb", [rewriter.load, rewriter.rewrite, rewriter.profile])
def test_anything_else_is_refused(verb: Callable[[Any], object]) -> None:
    with pytest.raises(UsageError, match=r"cannot be read from a dict; give a path, bytes, a ModelProto"):
        verb({})


def test_nothing_is_imported_to_find_out_what_came() -> None:
    code = (
        "import json, sys, onnx, rewriter; rewriter.rewrite(onnx.load(sys.argv[1]), numbers=False).result;"
        "libraries = ('torch', 'onnx_ir', 'onnx_graphsurgeon', 'olive');"
        "print(json.dumps([name for name in libraries if name in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(FIXTURES[0])], capture_output=True, check=True)
    assert json.loads(done.stdout) == []
    assert take(b"").source == b""
