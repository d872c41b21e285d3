"""Comparing calls inside bodies of If, Loop and Scan."""

from __future__ import annotations

import numpy as np
import pytest

import rewriter
from rewriter.insight.comparison.module_diff import Diff
from tests.build import model

LOOP = """
g (float[4] x, int64 n) => (float[4] y) {
  ["/pre/Neg"] p = Neg (x)
  keep = Constant <value = bool {1}> ()
  y = Loop (n, keep, p) <body = b (int64 i, bool k, float[4] a) => (bool k2, float[4] c) {
    k2 = Identity (k)
    ["/cell/norm/Sigmoid"] h = Sigmoid (a)
    ["/cell/act/Where"] c = FAULT
  }>
}
"""
FINE = '["/cell/act/Tanh"] c = Tanh (h)'
LATE = """three = Constant <value = int64 {3}> ()
    q = Less (i, three)
    t = Tanh (h)
    u = Neg (h)
    ["/cell/act/Where"] c = Where (q, t, u)"""
BRANCHES = """
g (float[4] x, bool[1] cached) => (float[4] y) {
  y = If (cached) <
    then_branch = t () => (float[4] o) { ["/layer/fc/Neg"] a = Neg (x) ["/layer/act/Tanh"] o = Tanh (a) },
    else_branch = e () => (float[4] o) { ["/layer/fc/Neg"] a = Neg (x) ["/layer/act/Tanh"] o = Tanh (a) }
  >
}
"""


def loop(act: str) -> str:
    return LOOP.replace('["/cell/act/Where"] c = FAULT', act)


def diff(before: str, after: str, **inputs: object) -> Diff:
    given = {name: np.asarray(array) for name, array in inputs.items()}
    return rewriter.diff(model(before), model(after), inputs=given or None)


def compared(found: Diff) -> set[tuple[str, int]]:
    assert found.numbers is not None
    return {(str(call.path), call.call) for call in found.numbers.calls if call.comparable}


X = np.array([1, 2, 3, 4], np.float32)


def test_equal_loops_are_compared_at_every_call() -> None:
    found = diff(loop(FINE), loop(FINE))
    assert found.equal
    assert compared(found) == {("", 0), ("pre", 0), ("cell", 0), ("cell.norm", 0), ("cell.act", 0)}
    assert found.unseen == ()


@pytest.mark.parametrize(("n", "first"), [(3, None), (4, "cell.act")])
def test_a_fault_in_a_late_iteration_is_found_in_its_module(n: int, first: str | None) -> None:
    """It feeds back into the inputs of the next iteration, which are no cause."""
    found = diff(loop(FINE), loop(LATE), x=X, n=n)
    assert found.equal == (first is None)
    assert (str(found.first.path) if found.first else None) == first
    if found.first is not None:
        assert found.first.own
        assert found.first.worst.began == ((0, 3),)
        assert "call 0, first in iteration 3 (from 0)" in str(found)


def test_a_fault_that_feeds_back_is_found_in_its_module() -> None:
    found = diff(loop(FINE), loop('["/cell/act/Tanh"] c = Neg (h)'), x=X, n=5)
    assert found.first is not None
    assert (str(found.first.path), found.first.own, found.first.worst.began) == ("cell.act", True, ((0, 0),))


@pytest.mark.parametrize(("branch", "call"), [("then", 0), ("else", 1)])
def test_each_branch_is_compared(branch: str, call: int) -> None:
    ours = BRANCHES.partition("else_branch")
    wrong = "Tanh (a)", "Abs (a)"
    theirs = "".join(
        (ours[0].replace(*wrong), *ours[1:]) if branch == "then" else (*ours[:2], ours[2].replace(*wrong))
    )
    same, found = diff(BRANCHES, BRANCHES), diff(BRANCHES, theirs)
    assert compared(same) >= {("layer.act", 0), ("layer.act", 1), ("layer", 0), ("layer", 1)}
    assert same.equal
    assert found.first is not None
    assert (str(found.first.path), found.first.call) == ("layer.act", call)


def test_a_branch_that_did_not_run_is_told() -> None:
    found = diff(BRANCHES, BRANCHES, x=X, cached=[True])
    assert ("layer.act", 1) not in compared(found)
    assert "not compared, since their graph body did not run, or" in str(found)
    assert "not compared" not in str(diff(BRANCHES, BRANCHES))
