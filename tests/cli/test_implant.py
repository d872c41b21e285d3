"""Implant from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import onnx
import pytest

from rewriter.views.json import schema
from tests.cli.running import heard
from tests.edits.layers import extracted, layer, parsed, whole


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path, Path]:
    source, piece = tmp_path / "m.onnx", tmp_path / "p.onnx"
    onnx.save(whole(), source)
    onnx.save(layer("{ y = Relu (b) }"), piece)
    return source, piece, tmp_path / "o.onnx"


def test_in_words(files: tuple[Path, Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    source, piece, out = files
    code, said, _ = heard(capsys, "implant", source, "l.1", piece, "-o", out)
    assert code == 0
    words = " ".join(said.split())
    assert "1 node for 3 border 1 input matched by name" in words
    assert "outside of the pieces · certificate: equal at 1 of 1 output" in words
    assert "numbers onnxruntime: 3 runs, off by up to" in words
    assert out.exists()


def test_as_json(files: tuple[Path, Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    source, piece, out = files
    code, said, _ = heard(capsys, "implant", source, "l.1", piece, "-o", out, "--no-numbers", "--json")
    assert code == 0
    report = json.loads(said)
    jsonschema.Draft202012Validator(schema("implant")).validate(report)
    [implant] = report["implants"]
    assert (implant["replaced"], implant["nodes"], implant["inputs"]) == (3, 1, {"b": "b"})
    assert implant["conversion"] is None


def test_inputs_that_are_left_out(files: tuple[Path, Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    source, piece, out = files
    onnx.save(parsed("g () => (float[2, 2] y) <float[2, 2] w = {1, 2, 3, 4}> { y = Identity (w) }"), piece)
    asked = ("implant", source, "l.1", piece, "-o", out, "--no-numbers")
    assert "0 inputs matched by name · does not read b, size" in " ".join(heard(capsys, *asked)[1].split())
    assert json.loads(heard(capsys, *asked, "--json")[1])["implants"][0]["left_out"] == ["b", "size"]


def test_several_pairs(files: tuple[Path, Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    source, piece, out = files
    first = out.with_name("first.onnx")
    onnx.save(extracted(whole(), "l.0"), first)
    code, said, _ = heard(capsys, "implant", source, "l.0", first, "l.1", piece, "-o", out, "--no-numbers")
    assert (code, said.count("\nimplant")) == (0, 2)


@pytest.mark.parametrize(
    ("words", "code", "fault"),
    [
        (("l.1",), 2, "'l.1' has no partner; give pairs"),
        (("l.1", "gone.onnx"), 3, "gone.onnx: no such file"),
        (("l.1", "P", "--tolerance", "1", "--no-numbers"), 2, "a tolerance is one of numbers"),
        (("size", "P"), 3, "output 'y' is float N x 2"),
        ((), 2, "Missing argument 'MODULE PIECE...'"),
    ],
)
def test_wrong_use(
    words: tuple[str, ...],
    code: int,
    fault: str,
    files: tuple[Path, Path, Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    source, piece, out = files
    given = [str(piece) if word == "P" else word for word in words]
    found, _, err = heard(capsys, "implant", source, *given, "-o", out)
    assert (found, err.count("\n")) == (code, 1)
    assert fault in err
    assert not out.exists()
