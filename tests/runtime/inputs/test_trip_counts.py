"""Input sets in which Loops run never, once and three times, and Ifs take each branch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from rewriter.runtime.child.job import JOB, STAGE, Ended, read
from rewriter.runtime.child.process import in_child
from rewriter.runtime.inputs.feeds import LOOPED
from rewriter.runtime.inputs.input import Rounds
from rewriter.runtime.inputs.planning import plan
from rewriter.verdict.numbers import compare
from tests.build import HEAD

HEADER = HEAD.replace("17]", '17, "m" : 1]')


def loop(given: str, body: str, state: str = "v") -> str:
    return (
        f"y = Loop ({given}) <body = b (int64 i, bool c, int64 {state}) => (bool c2, int64 v2) {{ {body} }}>"
    )


COUNTS = "v2 = Add (v, i) c2 = Identity (c)"
CHOICE = (
    "y = If (%s) <then_branch = t () => (int64 a) { a = Neg (s) }, "
    "else_branch = e () => (int64 b) { b = Abs (s) }>"
)
TOLD: dict[str, tuple[Any, ...]] = {
    "the branch": (
        f"g (bool[1] cached, int64 s) => (int64 y) {{ {CHOICE % 'cached'} }}",
        (),
        False,
        ("cached",),
    ),
    "the branch, computed": (
        f"g (int64 n, int64 s) => (int64 y) <int64 four = {{4}}> {{ c = Less (n, four) {CHOICE % 'c'} }}",
        (),
        False,
        ("n",),
    ),
    "the branch, by a size": (
        f"g (float[n] x, int64 s) => (int64 y) <int64 four = {{4}}> "
        f"{{ h = Size (x) c = Less (h, four) {CHOICE % 'c'} }}",
        (),
        False,
    ),
    "the count": (f"g (int64 M, int64 s) => (int64 y) {{ {loop('M, , s', COUNTS)} }}", ("M",), False),
    "the count, moved and computed": (
        "g (int32[1,1] M, int64 s) => (int64 y) <int64 two = {2}, int64[0] none = {}> "
        f"{{ a = Reshape (M, none) b = Cast <to = 7> (a) m = Mul (b, two) {loop('m, , s', COUNTS)} }}",
        ("M",),
        False,
    ),
    "the largest of many": (
        "g (int64[n] lengths, int64 s) => (int64 y) "
        f"{{ m = ReduceMax <keepdims = 0> (lengths) {loop('m, , s', COUNTS)} }}",
        ("lengths",),
        False,
    ),
    "the condition": (
        "g (bool go, int64 s) => (int64 y) <int64 ten = {10}> "
        f"{{ n = Not (go) {loop('ten, n, s', COUNTS)} }}",
        ("go",),
        False,
    ),
    "the condition of later rounds": (
        "g (int64 n, int64 s) => (int64 y) <bool yes = {1}, int64 one = {1}> "
        f"{{ {loop(', yes, s', 'v2 = Add (v, one) c2 = Less (v2, n)')} }}",
        ("n", "s"),
        False,
    ),
    "a size": (
        "g (float[n,2] x, int64 s) => (int64 y) <int64 zero = {0}> "
        f"{{ h = Shape (x) m = Gather (h, zero) {loop('m, , s', COUNTS)} }}",
        (),
        True,
    ),
    "through a function": (
        "g (int64[1] M, int64 s) => (int64 y) { y = m.f (M, s) }"
        f'<domain: "m", opset_import: ["" : 17, "m" : 1]> f (M, s) => (y) '
        f"{{ m = m.first (M) {loop('m, , s', COUNTS)} }}"
        '<domain: "m", opset_import: ["" : 17]> first (a) => (b) { b = Squeeze (a) }',
        ("M",),
        False,
    ),
    "in a branch": (
        f"g (bool w, int64 M, int64 s) => (int64 z) {{ z = If (w) <then_branch = t () => (int64 y) "
        f"{{ {loop('M, , s', COUNTS)} }}, else_branch = e () => (int64 q) {{ q = Neg (M) }}> }}",
        ("M",),
        False,
        ("w",),
    ),
    "nothing that is fed": (
        f"g (int64 s) => (int64 y) <int64 ten = {{10}}> {{ {loop('ten, , s', COUNTS)} }}",
        (),
        False,
    ),
    "no loop": ("g (int64 M) => (int64 y) { y = Neg (M) }", (), False),
    "what a heavy operator makes of an input": (
        "g (float[2,2] x, int64 s) => (int64 y) <float big = {9.0}> "
        "{ h = MatMul (x, x) a = ReduceMax <keepdims = 0> "
        f"(h) n = Less (a, big) {loop(', n, s', COUNTS)} }}",
        (),
        False,
    ),
}


def parsed(text: str) -> onnx.ModelProto:
    made: onnx.ModelProto = onnx.parser.parse_model(HEADER + text)
    return made


@pytest.mark.parametrize("name", TOLD)
def test_inputs_that_tell_how_often_are_found(name: str) -> None:
    text, inputs, sizes, *branches = TOLD[name]
    assert plan(parsed(text)).rounds == Rounds(inputs, branches[0] if branches else (), sizes)


def test_there_are_sets_with_none_with_one_and_with_three() -> None:
    drawing = plan(parsed(TOLD["the count, moved and computed"][0]))
    found = list(drawing.looped(drawing.choices()[0], 0))
    assert [feeds["M"].tolist() for feeds in found] == [[[0]], [[1]], [[3]]]
    assert {feeds["M"].dtype for feeds in found} == {np.dtype(np.int32)}
    assert all(feeds["s"] == drawing.fill(drawing.choices()[0], 0)["s"] for feeds in found)


def test_bools_are_false_and_true() -> None:
    drawing = plan(parsed(TOLD["the condition"][0]))
    assert [feeds["go"].item() for feeds in drawing.looped(drawing.choices()[0], 0)] == [False, True]


def test_each_branch_is_chosen() -> None:
    """The drawn set has true already, so only false is an extra set; Loops and Ifs vary apart."""
    drawing = plan(parsed(TOLD["the branch"][0]))
    assert [feeds["cached"].tolist() for feeds in drawing.looped(drawing.choices()[0], 0)] == [[False]]
    drawing = plan(parsed(TOLD["in a branch"][0]))
    found = [(feeds["w"].item(), feeds["M"].item()) for feeds in drawing.looped(drawing.choices()[0], 0)]
    assert found == [(True, 0), (False, 1), (True, 1), (True, 3)]


def test_a_difference_in_the_branch_that_is_not_drawn_is_seen() -> None:
    text = TOLD["the branch"][0]
    found = compare(parsed(text), parsed(text.replace("Abs", "Neg")), before_folder=None, after_folder=None)
    assert not found.exact


def test_sizes_are_none_and_one() -> None:
    drawing = plan(parsed(TOLD["a size"][0]))
    assert [feeds["x"].shape for feeds in drawing.looped(drawing.choices()[0], 0)] == [(0, 2), (1, 2)]


def test_a_model_without_loops_has_no_such_sets() -> None:
    drawing = plan(parsed(TOLD["no loop"][0]))
    assert list(drawing.looped(drawing.choices()[0], 0)) == []


ZERO = """g (int64 M, int64[1] shp) => (float[a,b] y) {
    y = Loop (M, "") <body = b (int64 it, bool c) => (bool c2, float[%s] s)
    { c2 = Identity (c) s = ConstantOfShape (shp) }> }"""


def test_a_difference_at_no_round_is_seen() -> None:
    """Both give the same wherever the loop runs: the shape of nothing is what the body declares."""
    found = compare(parsed(ZERO % "3"), parsed(ZERO % "k"), before_folder=None, after_folder=None)
    assert (found.exact, found.runs, found.worst_output) == (False, 6, "y")


def test_sets_that_the_original_does_not_take_are_left_out() -> None:
    """Of no rows there is no first one, so a set without rows is no input of this model."""
    text = """g (float[n,2] x) => (float[p,q] y) <int64 zero = {0}> {
        h = Shape (x) m = Gather (h, zero) f = Gather (x, zero)
        y = Loop (m, "") <body = b (int64 i, bool c) => (bool c2, float[2] s)
        { c2 = Identity (c) s = Neg (f) }> }"""
    found = compare(parsed(text), parsed(text), before_folder=None, after_folder=None)
    assert (found.exact, found.runs) == (True, 4)


def test_a_crash_in_such_a_set_costs_that_set_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def crashes_once(task: str, folder: Path, timeout: float) -> int | Ended:
        asked.append(read(folder / JOB).request.drawing.plan.rounds)
        if len(asked) > 1:
            return in_child(task, folder, timeout)
        (folder / STAGE).write_text(LOOPED, encoding="utf-8")
        return -6

    monkeypatch.setattr("rewriter.runtime.child.call.in_child", crashes_once)
    model = parsed(TOLD["the count"][0])
    found = compare(model, model, before_folder=None, after_folder=None)
    assert asked == [Rounds(("M",)), Rounds()]
    assert (found.exact, found.runs) == (True, 3)
