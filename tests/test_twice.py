"""Two runs write the same bytes and say the same; `benchmarks.twice` takes every verb and every export."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from benchmarks.masking import masked_file, masked_stdout
from benchmarks.twice import again, examine
from benchmarks.twice_commands import TURNS, Words
from benchmarks.twice_files import conflicts_of, contents, lay_out
from benchmarks.twice_found import Found, unlike
from benchmarks.twice_worker import Pair, Said
from tests.exports import EXPORTS, FILES, name_of

SAMPLE = Random(17).sample(FILES, 12)
QUICK = """
rewrite m.onnx -o plain.onnx
rewrite m.onnx -o shared.onnx --functions shared --restore-names --no-numbers
tree m.onnx --json
tree m.onnx --compare-sources
select m.onnx --op * --what values --format python
export m.onnx --format dot -o tree.dot
"""
"""Commands that begin no process."""


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with Pair(tmp_path) as both:
        yield both


def test_two_runs_are_alike_and_a_second_changes_nothing(pair: Pair) -> None:
    pair.renew()
    lay_out(EXPORTS / "shared_block" / "ts.onnx", pair.folders)
    commands = [tuple(line.split()) for line in QUICK.strip().splitlines()]
    found = Found()
    one, other = pair.run(commands)
    found.compare("shared_block", commands, one, other)
    first, second = map(contents, pair.folders)
    found.same_files("shared_block", first, second, "two runs")
    writing = {words: said.code for words, said in zip(commands, other, strict=True) if "-o" in words}
    again(pair, "shared_block", writing, second, found)
    assert not found.faults
    assert found.codes == {0: len(commands)}
    assert found.counts["again"] == 2
    assert {
        "plain.onnx",
        "plain.modules.json",
        "shared.onnx",
        "shared.modules.json",
        "tree.dot",
    } < first.keys()


@pytest.mark.thorough
@pytest.mark.parametrize("path", SAMPLE, ids=name_of)
def test_every_verb_twice(path: Path, pair: Pair) -> None:
    found = Found()
    examine(pair, path, FILES.index(path) % TURNS, found)
    assert not found.faults
    assert found.counts["over"] > 10


SAID = Said(0, "bert.onnx\ntook      load 0.01 s · 0.30 s in all\n", "")
OTHERS = {
    "exit code": (Said(1, SAID.stdout, ""), "exit codes 0 and 1"),
    "a line": (Said(0, SAID.stdout.replace("bert", "other"), ""), "stdout, line 1"),
    "a line more": (Said(0, SAID.stdout + "more\n", ""), "stdout, line 3"),
    "another station": (Said(0, SAID.stdout.replace("load", "tree"), ""), "stdout, line 2"),
    "stderr": (Said(0, SAID.stdout, "told\n"), "stderr, line 1"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_difference_is_told(name: str) -> None:
    other, told = OTHERS[name]
    assert str(unlike(("rewrite",), SAID, other)).startswith(told)


def test_only_times_are_masked() -> None:
    slow = SAID.stdout.replace("0.01 s", "12.34 s").replace(" in all", "\n          in all")
    assert unlike(("rewrite",), SAID, Said(0, slow, "")) is None
    told: Words = ("rewrite", "--json")
    document = {"nodes": 3, "seconds": {"load": 0.1}}
    assert json.loads(masked_stdout(told, json.dumps(document))) == {"nodes": 3, "seconds": {"load": "#"}}
    row = "scope names   98.7%   100%                     "
    assert masked_stdout(("tree", "--compare-sources"), f"{row}0.003\n") == f"{row}#\n"


def test_of_a_profile_taken_now_what_was_run_stays() -> None:
    figure = {"mean": 1.0, "median": 1.0}
    document = {
        "runs": 2,
        "total": figure,
        "modules": [{"path": "a", "own": figure, "share": 0.5, "kernels": 3}],
        "classes": [{"class": "B", "share": 0.6}, {"class": "A", "share": 0.4}],
        "containers": {"time": figure, "kernels": [{"own": figure, "counts": [2], "iterations": [1.0, 2.0]}]},
        "unmapped": {"time": figure, "kernels": ["c", "b"]},
    }
    masked = json.loads(masked_stdout(("profile", "m.onnx", "--json"), json.dumps(document)))
    assert masked["runs"] == 2
    assert masked["modules"] == [{"path": "a", "own": dict.fromkeys(figure, "#"), "share": "#", "kernels": 3}]
    assert masked["classes"] == [{"class": "A", "share": "#"}, {"class": "B", "share": "#"}]
    assert masked["containers"]["kernels"] == [
        {"own": dict.fromkeys(figure, "#"), "counts": [2], "iterations": "#"}
    ]
    assert masked["unmapped"] == {"time": dict.fromkeys(figure, "#"), "kernels": ["b", "c"]}
    recorded = ("profile", "m.onnx", "--from", "profile.json", "--json")
    assert json.loads(masked_stdout(recorded, json.dumps(document))) == document


def test_of_a_ledger_all_but_the_seconds_counts(tmp_path: Path) -> None:
    ledger = tmp_path / "rewriter-batch.jsonl"
    texts = []
    for seconds, nodes in ((0.1, 3), (0.2, 3), (0.1, 4)):
        ledger.write_text(json.dumps({"nodes": nodes, "seconds": seconds}) + "\n")
        texts.append(masked_file(ledger))
    assert texts[0] == texts[1] != texts[2]


def test_files_that_differ_or_are_there_once_are_told() -> None:
    found = Found()
    found.same_files("bert", {"a": "1", "b": "2"}, {"a": "0", "c": "3"}, "two runs")
    assert found.faults == [
        "bert: a: two runs: other bytes",
        "bert: b: two runs: is there once only",
        "bert: c: two runs: is there once only",
    ]


def test_conflicts_are_those_of_the_tree() -> None:
    path = EXPORTS / "nanogpt" / "dy.onnx"
    assert conflicts_of(path).total() == 1
