"""Hostile files given to the verbs that `test_cases` leaves out: one line and a code, soon, in little memory.

A verb gets every ninth case, each one others; all of them by `-m thorough`.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest

from tests.hostile.cases import CASES, DONE, REFUSED, USAGE, Case
from tests.hostile.judging import SECRET, judge, judge_files, judge_words, write
from tests.hostile.watched import Watch

Words = Callable[[Path, Path], tuple[str | Path, ...]]
TIME = ("--timeout", "4")
CHECKPOINT = Path(__file__).with_name("one_number.safetensors")
ADAPTER = Path(__file__).with_name("one_number.lora")

READING: dict[str, Words] = {
    "stats": lambda model, out: ("stats", model, *TIME),
    "select": lambda model, out: ("select", model, "**", "--format", "json"),
    "explain": lambda model, out: ("explain", model, "y"),
    "explain module": lambda model, out: ("explain", model, "(root)"),
    "weights": lambda model, out: ("weights", model),
    "refit": lambda model, out: ("refit", model, CHECKPOINT, "-o", out / "r.onnx"),
    "refit --lora": lambda model, out: ("refit", model, "--lora", ADAPTER, "-o", out / "r.onnx"),
    "refit --keep": lambda model, out: ("refit", model, "--lora", ADAPTER, "--keep", "-o", out / "r.onnx"),
    "report": lambda model, out: ("report", model, "-o", out / "m.html", *TIME),
    "svg": lambda model, out: ("report", model, "--svg", "-o", out / "m.svg", *TIME),
    "csv": lambda model, out: ("export", model, "--format", "csv", "-o", out / "m.csv", *TIME),
    "dot": lambda model, out: ("export", model, "--format", "dot", "-o", out / "m.dot", *TIME),
    "speedscope": lambda model, out: ("export", model, "--format", "speedscope", "-o", out / "m.json", *TIME),
}
"""These need no data, as `tree` does not."""
DATA: dict[str, Words] = {
    "flatten": lambda model, out: ("flatten", model, "-o", out / "f.onnx", "--copy-data", *TIME),
    "diff": lambda model, out: ("diff", model, model, *TIME),
    "profile": lambda model, out: ("profile", model, "--rounds", "1", "--warmup", "0", *TIME),
    "precision": lambda model, out: ("precision", model, *TIME),
    "extract": lambda model, out: ("extract", model, "**", "-o", out / "e.onnx", "--copy-data", *TIME),
    "tap": lambda model, out: ("tap", model, "**", "-o", out / "t.onnx", "--copy-data", *TIME),
    "drop": lambda model, out: ("drop", model, "*", "-o", out / "d.onnx", "--copy-data", *TIME),
    "untap": lambda model, out: ("untap", model, "-o", out / "u.onnx", "--copy-data", *TIME),
    "replace": lambda model, out: (
        *("replace", model, "*", "--with", "my.domain:Fused"),
        *("-o", out / "r.onnx", "--copy-data", *TIME),
    ),
    "split": lambda model, out: ("split", model, "--at", "*", "-o", out / "parts", "--copy-data", *TIME),
    "split --into": lambda model, out: (
        *("split", model, "--into", "2", "-o", out, "--copy-data"),
        *TIME,
    ),
    "implant": lambda model, out: (
        *("implant", model, "**", model, "-o", out / "i.onnx", "--copy-data"),
        *TIME,
    ),
}
"""These read or copy data, as `verify` does."""
VERBS = READING | DATA
SPLITS = {"split", "split --into"}
NOTHING_THERE = {
    "select": (USAGE,),  # no node has a name
    "refit": (USAGE,),  # the checkpoint is that of another model
    "refit --lora": (USAGE,),  # the adapter is, too
    "refit --keep": (USAGE,),
    "explain": (USAGE,),  # no node writes y
    "profile": (USAGE,),  # onnxruntime does not run it
    "precision": (USAGE,),  # nor here
    "implant": (REFUSED, 5),  # as extract, or the model is not proved equal to itself
    "extract": (REFUSED,),  # there are no nodes, or a name cannot move
    "split": (USAGE, REFUSED),  # there is no module to cut before
    "split --into": (USAGE, REFUSED),  # a size is missing, or there is no module to cut before
    "flatten": (REFUSED,),  # a name cannot move
    "tap": (REFUSED,),  # the outputs of the root are those of the model
    "drop": (USAGE, REFUSED),  # there is no module, or no output would be left
    "untap": (USAGE,),  # there are no taps
    "replace": (USAGE, REFUSED),  # there is no module that is called, or the bodies differ
}
"""Verbs that cannot do their work on every legal file."""
GOES_ON = {
    "diff": ("size: more than a proof reads",),
    "profile": ("size: more than a proof reads",),
    "precision": ("size: more than a proof reads",),
    "extract": (
        "data: of training",
        "data: of a sparse tensor",
    ),
}
"""What `verify` refuses and these need not: they do not write, or leave it out."""
MISSING = "data: missing"
"""`verify` needs no data of a model compared with itself; verbs that run or copy it do."""
EVERY = 10
DEAR = {("size: more than a proof reads", verb) for verb in ("svg", "stats")}
"""These take up to 20 s."""
IN_TURN = {
    (verb, name)
    for number, verb in enumerate(VERBS)
    for place, name in enumerate(CASES)
    if (place + number) % EVERY == 0 and (name, verb) not in DEAR
}


TOO_SLOW = {("extract", "size: nested, as far as protobuf goes"): (5,)}
"""onnxruntime 1.23 takes half a minute to load it, so within the time limit it is not proved."""


def expected(verb: str, case: Case, name: str) -> tuple[int, ...]:
    """The exit codes that a verb may leave with."""
    refused = name == MISSING or (case.verify == REFUSED and name not in GOES_ON.get(verb, ()))
    refused = verb in DATA and refused
    if case.tree == REFUSED or refused:
        return (USAGE, REFUSED) if verb in SPLITS and case.tree == DONE else (REFUSED,)
    return (DONE, *NOTHING_THERE.get(verb, ()), *TOO_SLOW.get((verb, name), ()))


@pytest.mark.parametrize(
    ("verb", "name"),
    [
        pytest.param(verb, name, marks=() if (verb, name) in IN_TURN else pytest.mark.thorough)
        for verb, name in product(VERBS, CASES)
    ],
    ids=lambda text: text,
)
def test_hostile_file(verb: str, name: str, tmp_path: Path, watch: Watch) -> None:
    case = CASES[name]
    path = write(case, tmp_path)
    ran = watch.run(*case.options, *VERBS[verb](path, tmp_path / "out"))
    codes = expected(verb, case, name)
    if codes == (REFUSED,):
        # Whether there is something to cut is looked at before the data is.
        judge(ran, REFUSED, "" if verb in SPLITS and case.tree == DONE else case.words, path)
    assert ran.code in codes, ran
    judge_words(ran, path)
    judge_files(ran, tmp_path)
    if ran.code != DONE:
        assert not [*(tmp_path / "out").iterdir()]
    assert (tmp_path / "outside" / "secret.data").read_bytes() == SECRET


def test_every_case_meets_a_verb_and_every_verb_many_cases() -> None:
    assert {name for _, name in IN_TURN} == CASES.keys()
    for verb in VERBS:
        assert sum(each == verb for each, _ in IN_TURN) > 10
