"""Extract and split from the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import jsonschema
import pytest

import rewriter
from rewriter.errors import UsageError
from rewriter.views.json import schema
from tests.cli.running import heard, run
from tests.exports import EXPORTS

BERT = EXPORTS / "bert" / "dy.onnx"
LAYER = "model.encoder.layer.1"


def test_extract_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "layer.onnx"
    assert run("extract", BERT, LAYER, "-o", out, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator(schema("extract")).validate(report)
    assert report["check"]["numeric"]["exact"] is True
    assert report["outputs"] == [str(out)]
    assert out.exists()


def test_extract_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("extract", BERT, LAYER, "-o", tmp_path / "layer.onnx", "--no-numbers") == 0
    out = capsys.readouterr().out
    assert LAYER in out
    assert "numbers not asked for" in out


def test_extract_wants_modules(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("extract", BERT, "-o", tmp_path / "layer.onnx") == 2
    assert "missing modules" in capsys.readouterr().err


def test_an_unknown_module_is_told_with_the_nearest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("extract", BERT, "encoder.layr.1", "-o", tmp_path / "layer.onnx") == 2
    assert f"; nearest: {LAYER}" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_source_is_never_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = tmp_path / "bert.onnx"
    copy.write_bytes(BERT.read_bytes())
    assert run("extract", copy, LAYER, "-o", copy) == 2
    assert "is the input" in capsys.readouterr().err
    assert copy.read_bytes() == BERT.read_bytes()


def test_split_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("split", BERT, "--at", LAYER, "-o", tmp_path / "halves", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator(schema("split")).validate(report)
    assert [part["check"]["verdict"] for part in report["parts"]] == ["equal", "equal"]
    assert 0 in report["parts"][1]["feeds"].values()


def test_split_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("split", BERT, "--at", LAYER, "-o", tmp_path / "halves", "--no-numbers") == 0
    assert "from part 0" in capsys.readouterr().out


def test_split_refuses_an_empty_part(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("split", BERT, "--at", "model", "-o", tmp_path / "halves") == 3
    assert "nothing is computed before model" in capsys.readouterr().err
    assert not (tmp_path / "halves").exists()


@pytest.mark.parametrize("verb", ["extract", "split"])
def test_the_sidecar_of_an_earlier_output_goes_and_it_is_said(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = tmp_path / "part-0.onnx"
    assert run("rewrite", BERT, "-o", made, "--no-numbers") == 0
    told = tmp_path / "part-0.modules.json"
    content = told.read_bytes()
    cut = (
        ("extract", BERT, LAYER, "-o", made)
        if verb == "extract"
        else ("split", BERT, "--at", LAYER, "-o", tmp_path)
    )
    capsys.readouterr()
    assert run(*cut, "--no-numbers") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "removed" in said
    assert "the sidecar of the model that was there" in said
    assert not told.exists()
    told.write_bytes(content)
    assert run(*cut, "--no-numbers", "--json") == 0
    assert json.loads(capsys.readouterr().out)["removed"] == [str(told)]
    assert not told.exists()
    told.write_bytes(content.replace(b"part-0.onnx", b"other.onnx"))
    assert run(*cut, "--no-numbers", "--json") == 0
    assert json.loads(capsys.readouterr().out)["removed"] == []
    assert told.exists()


@pytest.mark.parametrize("words", [("rewrite",), ("carry",), ("extract", "blocks.enc")])
def test_an_output_never_replaces_what_an_option_reads(
    words: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, original = tmp_path / "m.onnx", tmp_path / "original.onnx"
    for path in (source, original):
        shutil.copy(EXPORTS / "module_dict" / "dy.onnx", path)
    assert heard(capsys, "rewrite", source, "-o", tmp_path / "told.onnx", "--no-numbers")[0] == 0
    for what, output in ((original, original), (tmp_path / "told.modules.json", tmp_path / "told.onnx")):
        before = what.read_bytes()
        verb, *rest = words
        given = [what, source] if verb == "carry" else [source, *rest, "--like", what]
        code, _, err = heard(capsys, verb, *given, "-o", output)
        assert (code, err) == (2, f"rewriter: {what}: is the file that --like reads; name another output\n")
        assert what.read_bytes() == before
    with pytest.raises(UsageError, match="is the file that --like reads"):
        rewriter.rewrite(source, original, like=original)


def test_split_by_memory_writes_nothing_in_a_dry_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("split", BERT, "--into", "3", "--dry-run", "-o", tmp_path / "parts", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator(schema("split")).validate(report)
    assert [part["check"] for part in report["parts"]] == [None, None, None]
    for memory in (part["memory"] for part in report["parts"]):
        assert memory["total"] == memory["weights"] + memory["inputs"] + memory["activations"]
        assert min(memory["weights"], memory["activations"]) > 10_000
    assert not (tmp_path / "parts").exists()
    assert run("split", BERT, "--into", "3", "--dry-run") == 0
    assert capsys.readouterr().out.count("memory ") == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("-o", "parts"), "split takes exactly one of --at, --budget and --into"),
        (("--into", "2", "--at", LAYER, "-o", "parts"), "split takes exactly one of"),
        (("--into", "2"), "split needs a folder for the parts: -o DIR; --dry-run writes nothing"),
        (("--at", LAYER, "--dim", "n=1", "--dry-run"), "--dim is for --budget and --into"),
        (("--budget", "much", "--dry-run"), "'much' is no size of memory"),
    ],
)
def test_split_demands_one_way_to_cut(
    words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = heard(capsys, "split", BERT, *words)
    assert (code, out) == (2, "")
    assert said in err


def test_split_names_the_dimension_that_is_missing(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = heard(capsys, "split", EXPORTS / "bert" / "dy_dyn.onnx", "--budget", "8GiB", "--dry-run")
    assert code == 2
    assert "give sizes by --dim NAME=SIZE for" in err


def test_split_in_python_takes_a_budget_as_text() -> None:
    found = rewriter.split(BERT, budget="1MiB", dry_run=True)
    assert len(found.parts) > 1
    assert max(each.total for each in found.memory) <= 1 << 20
    for wrong in ({}, {"into": 1}, {"budget": 0}, {"at": LAYER, "into": 2}):
        with pytest.raises(UsageError):
            rewriter.split(BERT, **wrong)
