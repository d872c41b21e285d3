"""`rewriter carry`: the short form of `rewriter rewrite --like`."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest

import rewriter
from tests.cli.running import heard, run
from tests.exports import EXPORTS

BERT = EXPORTS / "bert" / "ts.onnx"


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A descendant whose nodes lost their names and metadata; values kept theirs."""
    model = onnx.load(BERT)
    for node in model.graph.node:
        node.ClearField("name")
        node.ClearField("metadata_props")
    onnx.save(model, tmp_path / "bare.onnx")
    return tmp_path / "bare.onnx"


@pytest.mark.parametrize("what", ["sidecar", "model"])
def test_it_is_rewrite_like(
    what: str, bare: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = tmp_path / "bert.tree.onnx"
    assert run("rewrite", BERT, "-o", tree, "--no-numbers") == 0
    original = tree.with_suffix(".modules.json") if what == "sidecar" else tree
    capsys.readouterr()
    out = tmp_path / "carried.onnx"
    code, said, err = heard(capsys, "carry", original, bare, "-o", out, "--min-coverage", "95", "--json")
    assert (code, err) == (0, "")
    assert json.loads(said)["verification"]["certificate"]["equal"] is True
    assert run("rewrite", bare, "--like", original, "-o", tmp_path / "long.onnx", "--no-numbers") == 0
    assert out.read_bytes() == (tmp_path / "long.onnx").read_bytes()
    before = {module.path: module.class_name for module in rewriter.tree(tree)}
    assert {module.path: module.class_name for module in rewriter.tree(out)} == before


def test_misuse(bare: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("carry", BERT, bare) == 2
    assert "missing option '-o'" in capsys.readouterr().err
    assert run("carry", BERT, bare, "-o", bare) == 2
    assert "is the input" in capsys.readouterr().err
    assert run("carry", tmp_path / "none.json", bare, "-o", tmp_path / "out.onnx") == 3
    assert run("carry", BERT, bare, "-o", tmp_path / "out.onnx", "--like", BERT) == 2
    assert not (tmp_path / "out.onnx").exists()


def test_a_folder_is_for_batch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("rewrite", tmp_path, "-o", tmp_path / "out.onnx") == 3
    assert f"'rewriter batch {tmp_path} -o FOLDER'" in capsys.readouterr().err


def test_explain_says_what_the_original_says(bare: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written = onnx.load(bare).graph.node[-1].output[0]
    code, alone, _ = heard(capsys, "explain", bare, written, "--json")
    assert code == 0
    assert '"like"' not in alone
    code, told, _ = heard(capsys, "explain", bare, written, "--like", BERT, "--json")
    assert code == 0
    assert '"like"' in told


def test_it_is_carried_onto_its_own_output(tmp_path: Path) -> None:
    """In a model of functions most values have left the main graph; its flat form fits all the same."""
    original = EXPORTS / "silent_container" / "dy_dyn.onnx"
    once, twice = tmp_path / "once.onnx", tmp_path / "twice.onnx"
    words = ("--functions", "call", "--no-numbers", "--sidecar", "none")
    assert run("carry", original, original, "-o", once, *words) == 0
    assert run("carry", original, once, "-o", twice, *words) == 0
    assert twice.read_bytes() == once.read_bytes()
