"""A name that fits nothing is an error with the nearest names, in every verb; no option is dropped."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import jsonschema
import numpy as np
import onnx
import pytest

import rewriter
from rewriter.adapters.onnxruntime import excluding
from rewriter.batch.record import Record, Status
from rewriter.batch.schedule import Batch
from rewriter.errors import UsageError
from rewriter.views.json import schema
from tests.cli.running import heard
from tests.exports import EXPORTS

BERT = EXPORTS / "bert" / "dy.onnx"
DYNAMIC = EXPORTS / "bert" / "ts_dyn.onnx"

NEAR = r"no module fits 'poolr'; nearest: model\.pooler"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("tree M --only poolr", NEAR),
        ("tree M --only poolr --json", NEAR),
        ("tree M --only model.pooler --depth 1", "lie deeper than --depth 1, first model.pooler; --depth 2"),
        ("rewrite M --dry-run --functions call --only poolr", NEAR),
        ("rewrite M --dry-run -p annotate,group{only=poolr}", NEAR),
        ("carry M M --dry-run --functions call --class Poolr", "no class fits 'Poolr'; nearest: BertPooler"),
        ("select M poolr", NEAR),
        ("select M poolr=cpu model.encoder=gpu --format ort-layers", NEAR),
        ("select M model.pooler.activation --what initializers", "no initializers to name"),
        ("extract M poolr -o O", NEAR),
        ("split M --at poolr -o O", NEAR),
        ("tap M poolr -o O", NEAR),
        ("tap M -o O", "missing modules: name one"),
        ("drop M poolr -o O", NEAR),
        ("untap M -o O", "it records no taps; 'rewriter tap' writes some"),
        ("stats M poolr", NEAR),
        ("export M poolr --format csv", NEAR),
        ("profile M poolr", NEAR),
        ("precision M poolr", NEAR),
        ("diff M M --only poolr", NEAR + ".*; nor in"),
        ("profile M --op Cnv", "no operator fits 'Cnv'; there are"),
        ("explain M node_tanhh", "no node, value, weight or module fits 'node_tanhh'; nearest: node_tanh"),
        ("doctor M --tool onxslim", "no tool fits 'onxslim'; nearest: onnxslim"),
        ("stats D --dim bacth=2", "no dimension fits 'bacth'; nearest: batch"),
        ("report D --dim bacth=2", "no dimension fits 'bacth'; nearest: batch"),
        ("export D --format csv --dim bacth=2", "no dimension fits 'bacth'; nearest: batch"),
        ("stats M --dim batch=2", "no dimension fits 'batch'; there is none"),
        ("tre M", "no verb fits 'tre'; nearest: tree; see 'rewriter --help'"),
        ("tree M --onyl x", "no option fits '--onyl'; nearest: --only"),
        ("export M --format dott", "no value fits 'dott'; nearest: dot; there are model-explorer, "),
        ("--limit nods=3 tree M", "no limit fits 'nods'; nearest: nodes"),
        ("rewrite M --dry-run -p annotat", "no pass fits 'annotat'; nearest: annotate"),
        ("tree M --depth 1 --depth 2", "--depth is given twice; give it once; see 'rewriter tree --help'"),
        ("extract M model -o A -o B", "--output is given twice; give it once"),
        ("verify M M --numbers --no-numbers", "--numbers and --no-numbers cannot be combined"),
        ("stats D --dim batch=1 --dim batch=2", "--dim batch is given twice"),
        ("--limit nodes=1 --limit nodes=2 tree M", "--limit nodes is given twice"),
        ("tree M --only model --compare-sources", "leave out --only and --depth"),
        ("tree M --conflicts --compare-sources", "print different results; give one of them"),
        ("rewrite M --dry-run --no-numbers --inputs I", "leave out --no-numbers"),
        ("verify M M --no-numbers --inputs I", "leave out --no-numbers"),
        ("extract M model.pooler -o O --no-numbers --inputs I", "leave out --no-numbers"),
        ("diff M M --no-numbers --inputs I", "leave out --no-numbers"),
        ("diff M M --no-numbers --tolerance 0.1", "--no-numbers runs nothing; leave out --tolerance"),
        ("profile M --from x.json --rounds 3", "--from runs nothing; leave out --rounds"),
        ("select M model --json --format trt", "--json has its own format; leave out --format"),
        ("select M model --precision fp16", "--precision is for --format trt; leave out --precision"),
        ("export D --format dot --dim batch=2", "which this export does not show; leave out --dim"),
        ("report M M --svg", "--svg draws the icicle alone; leave out OTHER"),
        ("tree M --force", "add --like"),
    ],
)
def test_what_fits_nothing(
    words: str,
    says: str,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    arrays = tmp_path_factory.mktemp("inputs") / "inputs.npz"
    np.savez(arrays, input_ids=np.ones((2, 7), np.int64), attention_mask=np.ones((2, 7), np.int64))
    files = {"M": str(BERT), "D": str(DYNAMIC), "I": str(arrays)}
    code, out, err = heard(capsys, *(files.get(word, word) for word in words.split()))
    assert (code, out) == (2, ""), err
    assert re.search(says if says.startswith(NEAR) else re.escape(says), err), err
    assert err.count("\n") == 1
    assert not any(tmp_path.iterdir())


def test_words_that_are_given_again_both_count(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = heard(capsys, "tree", BERT, "--only", "model.pooler", "--only", "model.embeddings", "--json")
    document = json.loads(out)
    assert [module["path"] for module in document["modules"]] == ["model.embeddings", "model.pooler"]
    inside = {node["module"] for node in document["nodes"]}
    assert inside == {
        *("model.embeddings", "model.embeddings.word_embeddings", "model.embeddings.LayerNorm"),
        *("model.pooler", "model.pooler.dense", "model.pooler.activation"),
    }
    jsonschema.Draft202012Validator(schema("tree")).validate(document)
    words = ("--class", "BertPooler", "--class", "BertLayer", "--json")
    for verb in ("stats", "select"):
        found = json.loads(heard(capsys, verb, BERT, *words)[1])["modules"]
        paths = [each if isinstance(each, str) else each["path"] for each in found]
        assert paths == ["model.encoder.layer.0", "model.encoder.layer.1", "model.pooler"], verb


def test_json_lists_what_was_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = heard(capsys, "diff", BERT, BERT, "--no-numbers", "--only", "model.pooler", "--json")
    assert [module["before"] for module in json.loads(out)["modules"]] == ["model.pooler"]
    _, out, _ = heard(capsys, "profile", BERT, "--rounds", "1", "--warmup", "0", "model.pooler", "--json")
    assert [module["path"] for module in json.loads(out)["modules"]] == ["model.pooler"]


def test_python_says_the_same() -> None:
    for call in (
        lambda: rewriter.rewrite(BERT, functions="call", only="poolr", numbers=False),
        lambda: rewriter.rewrite(BERT, passes="group{only=poolr}", numbers=False),
        lambda: rewriter.extract(BERT, "poolr"),
        lambda: rewriter.split(BERT, "poolr"),
        lambda: rewriter.tree(BERT).select("poolr"),
        lambda: excluding(BERT, "poolr"),
    ):
        with pytest.raises(UsageError, match=NEAR):
            call()
    with pytest.raises(UsageError, match="no kind of functions fits 'cal'; nearest: call"):
        rewriter.rewrite(BERT, functions="cal")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="add --functions shared or call"):
        rewriter.rewrite(BERT, only="model.pooler")
    with pytest.raises(UsageError, match="no tool fits 'onxslim'"):
        rewriter.doctor(BERT, ["onxslim"])
    with pytest.raises(UsageError, match="no dimension fits 'bacth'"):
        rewriter.report(DYNAMIC, sizes={"bacth": 1})


@pytest.fixture
def two(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    shutil.copy(BERT, folder / "bert.onnx")
    shutil.copy(EXPORTS / "module_dict" / "dy.onnx", folder / "dict.onnx")
    (folder / "config.json").write_text("{}")
    return folder


def test_a_batch_asks_that_a_glob_fits_in_some_file(
    two: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = (
        *("batch", two, "-o", tmp_path / "out", "--functions", "call", "--no-numbers", "--jobs", "1"),
        *("--class", "BertPooler", "--class", "BertPoolr"),
    )
    code, out, _ = heard(capsys, *words, "--json")
    document = json.loads(out)
    jsonschema.Draft202012Validator(schema("batch")).validate(document)
    assert (code, document["exit_code"]) == (2, 2)
    assert document["misses"] == ["no class fits 'BertPoolr'; nearest: BertPooler"]
    bert, other = document["records"]
    assert [*bert["misses"]] == ["class BertPoolr"]
    assert [*other["misses"]] == ["class BertPooler", "class BertPoolr"]
    assert (bert["status"], other["status"]) == ("done", "done")
    assert [function.name for function in onnx.load(tmp_path / "out" / "bert.onnx").functions] == [
        "BertPooler"
    ]
    assert not onnx.load(tmp_path / "out" / "dict.onnx").functions
    code, out, _ = heard(capsys, *words)  # what was kept of the run before says the same
    assert code == 2
    assert "in every done file: no class fits 'BertPoolr'; nearest: BertPooler" in " ".join(out.split())


def test_what_some_file_of_a_batch_has_is_no_miss() -> None:
    here, there = {"class A": "no class fits 'A'"}, {"class B": "no class fits 'B'"}
    records = [
        Record(f"{number}", f"{number}", Status.DONE, misses=each)
        for number, each in enumerate((here, there))
    ]

    def batch(*of: Record) -> Batch:
        return Batch(of, frozenset(), "out", Path("ledger"), 0.0)

    assert (batch(*records).misses, batch(*records).exit_code) == ((), 0)
    assert (batch(records[0]).misses, batch(records[0]).exit_code) == (("no class fits 'A'",), 2)
    failed = Record("2", "2", Status.UNREADABLE)
    assert (batch(records[0], failed).misses, batch(records[0], failed).exit_code) == (
        ("no class fits 'A'",),
        3,
    )
    assert (batch(failed).misses, batch().misses) == ((), ())


def test_a_batch_asks_that_its_sources_and_companions_are_there(
    two: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = heard(capsys, "batch", two / "*.onx", "-o", tmp_path / "out")
    assert code == 2
    assert re.search(r"no \.onnx file fits '.*\*\.onx'; ", err)
    code, _, err = heard(capsys, "batch", two, "-o", tmp_path / "out", "--also", "*.jsn")
    assert code == 2
    assert "no file in the source folders fits '*.jsn'; there is config.json" in err
    assert not (tmp_path / "out").exists()
