"""`rewriter diff` on the command line: one line at the top, exit codes like diff(1), JSON by its schema."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from rewriter.views.json import schema
from tests.cli.running import run
from tests.exports import EXPORTS

BERT = EXPORTS / "bert" / "dy.onnx"
QUERY = "model.encoder.layer.1.attention.self.query"


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    model = onnx.load(BERT)
    for tensor in model.graph.initializer:
        if tensor.name == f"{QUERY}.bias":
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) + 1, tensor.name))
    onnx.save(model, tmp_path / "faulty.onnx")
    return tmp_path / "faulty.onnx"


def test_the_first_line_names_the_module(faulty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("diff", BERT, faulty) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0][2:].startswith(f"first divergence: {QUERY}, call 0, max 1 (relative 0.")
    assert any("parameter bias: other values, max 1 " in line for line in lines)
    assert "more modules after or around these diverge; --all shows every one" in lines[-1]
    assert len(lines) < 20


def test_equal_models(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("diff", EXPORTS / "bert" / "ts.onnx", BERT, "--only", "**.query", "--all") == 0
    out = capsys.readouterr().out
    assert "equal within 0.0001, relative, at 39 calls" in out
    assert "query" in out
    assert "pooler" not in out


def test_structure_alone(faulty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("diff", BERT, faulty, "--no-numbers") == 1
    assert "the modules differ" in capsys.readouterr().out
    assert run("diff", BERT, BERT, "--no-numbers") == 0
    assert "no module differs" in capsys.readouterr().out


def test_tolerance(faulty: Path) -> None:
    assert run("diff", BERT, faulty, "--tolerance", "2") == 0
    assert run("diff", BERT, faulty, "--tolerance", "nan") == 2


def test_inputs(faulty: Path, tmp_path: Path) -> None:
    ids = np.ones((2, 7), np.int64)
    np.savez(tmp_path / "x.npz", input_ids=ids, attention_mask=ids)
    assert run("diff", BERT, faulty, "--inputs", tmp_path / "x.npz") == 1
    np.savez(tmp_path / "y.npz", other=ids)
    assert run("diff", BERT, faulty, "--inputs", tmp_path / "y.npz") == 2


def test_json(faulty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("diff", BERT, faulty, "--json") == 1
    found = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator(schema("diff")).validate(found)
    assert found["first_divergence"]["module"] == QUERY
    assert found["first_divergence"]["own"] is True
    query = next(module for module in found["modules"] if module["before"] == QUERY)
    assert [each["name"] for each in query["changes"]] == ["bias"]
    assert query["calls"][0]["verdict"] == "diverges"
    assert run("diff", BERT, faulty, "--json", "--no-numbers") == 1
    found = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator(schema("diff")).validate(found)
    assert found["numbers"]["skipped"] == "not asked for"


def test_a_selection_that_fits_nothing(faulty: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("diff", BERT, faulty, "--only", "nonsense") == 2
    assert "no module fits 'nonsense'" in capsys.readouterr().err


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    assert run("diff", BERT, tmp_path / "none.onnx") == 3
