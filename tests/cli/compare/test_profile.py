"""`rewriter profile` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from rewriter.views.json import schema
from tests.cli.running import run
from tests.exports import EXPORTS

BERT = EXPORTS / "bert" / "dy.onnx"
QUICK = ("--rounds", "2", "--warmup", "1", "--threads", "1")


def test_tree_and_classes(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert run("profile", BERT, *QUICK) == 0
    out = capsys.readouterr().out
    assert "% of kernel time mapped to modules" in out
    assert "BertLayer" in out
    assert "BertSelfAttention" in out.partition("\nclass ")[2]
    assert all(len(line) <= 80 for line in out.splitlines())


def test_a_selection(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("profile", BERT, "**.LayerNorm", *QUICK) == 0
    tree = capsys.readouterr().out.partition("\nclass ")[0]
    assert tree.count(" LayerNorm") >= 5
    assert "pooler" not in tree
    assert run("profile", BERT, "nonsense", *QUICK) == 2


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("profile", BERT, *QUICK, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator(schema("profile")).validate(found)
    assert found["runs"] == 2
    own = sum(module["own"]["mean"] for module in found["modules"])
    assert own + found["unmapped"]["time"]["mean"] == pytest.approx(found["total"]["mean"])


def test_misuse(tmp_path: Path) -> None:
    assert run("profile", BERT, "--rounds", "0") == 2
    assert run("profile", tmp_path / "none.onnx") == 3
    assert run("profile", BERT, "--from", tmp_path / "none.json") == 3
