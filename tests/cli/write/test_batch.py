"""`rewriter batch` on the command line; what it does is tested in tests/batch."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import jsonschema
import pytest

from rewriter.cli.write import batch_progress
from rewriter.views.json import schema
from tests.batch.making import contents, folder_of, lines
from tests.cli.running import heard, run


@pytest.fixture(autouse=True)
def _no_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run tells how far it is from a number of seconds on, and a busy machine may take that long."""
    monkeypatch.setattr(batch_progress, "_EVERY", math.inf)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = folder_of(tmp_path / "src", "a/model.onnx", "b/model.onnx")
    (folder / "bad.onnx").write_text("junk")
    return folder


def test_in_words(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("batch", source, "-o", tmp_path / "out", "--no-numbers", "--jobs", "1")
    code, out, err = heard(capsys, *words, "--results", tmp_path / "table.csv")
    assert (code, err) == (3, "")
    assert "2 of 3 done" in out
    assert "failed unreadable: " in " ".join(out.split())
    assert "5 of 5 nodes placed" in out
    with (tmp_path / "table.csv").open(newline="") as stream:
        assert [row["status"] for row in csv.DictReader(stream)] == ["done", "done", "unreadable"]
    assert "3 finished by another run" in heard(capsys, *words)[1]


def test_as_json(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--functions", "shared", "--restore-names", "--no-sidecar", "--no-numbers", "--jobs", "1")
    ledger = tmp_path / "ledger.jsonl"
    globbed = ("batch", f"{source}/*/model.onnx", "-o", tmp_path / "out", "--ledger", ledger, *words)
    code, out, err = heard(capsys, *globbed, "--json")
    assert (code, err) == (0, "")
    document = json.loads(out)
    jsonschema.Draft202012Validator(schema("batch")).validate(document)
    assert document["statuses"] == {"done": 2}
    assert set(contents(tmp_path / "out")) == {"a/model.onnx", "b/model.onnx"}
    assert ledger.exists()
    assert not (tmp_path / "out" / "rewriter-batch.jsonl").exists()


def test_retry_and_thresholds(source: Path, tmp_path: Path) -> None:
    words = ("batch", source, "-o", tmp_path / "out", "--no-numbers", "--jobs", "1")
    assert [run(*words), run(*words, "--retry")] == [3, 3]
    assert [line["target"] for line in lines(tmp_path / "out")].count("bad.onnx") == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--engine", "spark"), "no engine fits 'spark'; there are local, dask, ray; write local, dask://"),
        (("--results", "table.xlsx"), "cannot tell the format"),
        (("--depth", "2"), "add --functions shared or call"),
        (("--passes", "nonsense"), "no pass fits 'nonsense'"),
        (("--optimised", "--no-numbers"), "leave out --no-numbers"),
    ],
)
def test_misuse_is_one_line(
    words: tuple[str, ...], said: str, source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = heard(capsys, "batch", source, "-o", tmp_path / "out", *words)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()
