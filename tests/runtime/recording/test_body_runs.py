"""Values inside bodies of If, Loop and Scan, recorded in every iteration."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest

from rewriter.runtime.inputs.signature import signature
from rewriter.runtime.recording.body_runs import BodyValues
from rewriter.runtime.recording.input_sets import InputSets
from rewriter.runtime.recording.steps import Step
from tests.build import HEAD, model

Recorded = dict[str, list[tuple[Step, Any]]]

RAGGED = """
g (float[2] x, int64 n) => (float[2] y, float[p,2] all) {
  keep = Constant <value = bool {1}> ()
  y, all = Loop (n, keep, x) <body = b (int64 i, bool k, float[2] a) => (bool k2, float[2] a2, float[2] s) {
    k2 = Identity (k)
    one = Constant <value = int64[1] {1}> ()
    i1 = Reshape (i, one)
    r = Range (zero, i, step)
    two = Constant <value = int64 {2}> ()
    q = Less (i, two)
    a2 = If (q) <
      then_branch = t () => (float[2] o) { o = Neg (a) },
      else_branch = e () => (float[2] o2) { half = Mul (a, a) o2 = Add (half, a) }
    >
    s = Identity (a2)
  }>
}
""".replace("zero, i, step", "i, i9, step").replace(
    "r = Range", "step = Constant <value = int64 {1}> () i9 = Add (i, i) r = Range"
)

SCAN = """
g (float[3,2] x, float[2] s) => (float[2] z, float[3,2] y) {
  z, y = Scan <num_scan_inputs = 1, body = b (float[2] state, float[2] row) => (float[2] u, float[2] out) {
    u = Add (state, row)
    out = Tanh (u)
  }> (s, x)
}
"""

NESTED = """
g (float[1] x) => (float[1] y) {
  keep = Constant <value = bool {1}> ()
  two = Constant <value = int64 {2}> ()
  y = Loop (two, keep, x) <body = b (int64 i, bool k, float[1] a) => (bool k2, float[1] a2) {
    k2 = Identity (k)
    a2 = Loop (i, keep, a) <body = c (int64 j, bool l, float[1] v) => (bool l2, float[1] v2) {
      l2 = Identity (l)
      v2 = Add (v, v)
    }>
  }>
}
"""


def recorded(text: str, names: list[str], **arrays: Any) -> Recorded:
    proto: onnx.ModelProto = model(text)
    feeds = {name: np.asarray(array) for name, array in arrays.items()}
    values = BodyValues(proto, InputSets(None, signature(proto), [feeds]))
    assert values.among(names) == names
    shapes = values.recorded(names, elements=False)
    found = values.recorded(names, elements=True)
    assert {name: [(step, array.shape) for step, array in each] for name, each in found.items()} == shapes
    assert proto == model(text)  # the model itself is not changed
    return found


def listed(found: Recorded, name: str) -> list[tuple[Step, Any]]:
    return [(step, array.tolist()) for step, array in found[name]]


@pytest.mark.parametrize("opset", [11, 17])
def test_every_iteration_is_recorded_whatever_its_shape_and_branch(
    opset: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.build.HEAD", HEAD.replace("17]", f"{opset}]"))
    found = recorded(RAGGED, ["r", "o", "half", "a2", "q"], x=np.array([1, 2], np.float32), n=4)
    assert listed(found, "r") == [((0, n), list(range(n, 2 * n))) for n in range(4)]
    assert listed(found, "o") == [((0, 0), [-1, -2]), ((0, 1), [1, 2])]
    assert listed(found, "half") == [((0, 2), [1, 4]), ((0, 3), [4, 36])]
    assert [step for step, _ in found["a2"]] == [(0, 0), (0, 1), (0, 2), (0, 3)]
    assert found["q"][0][1].dtype == np.bool_


def test_a_body_that_does_not_run_has_no_values() -> None:
    found = recorded(RAGGED, ["r", "o", "half"], x=np.ones(2, np.float32), n=0)
    assert found == {"r": [], "o": [], "half": []}


def test_a_scan_is_recorded_by_row() -> None:
    found = recorded(SCAN, ["state", "out"], x=np.ones((3, 2), np.float32), s=np.zeros(2, np.float32))
    assert listed(found, "state") == [((0, n), [n, n]) for n in range(3)]
    assert [step for step, _ in found["out"]] == [(0, 0), (0, 1), (0, 2)]


def test_loops_inside_loops_have_both_numbers() -> None:
    found = recorded(NESTED.replace("{2}", "{3}"), ["v2", "a"], x=np.ones(1, np.float32))
    assert listed(found, "v2") == [((0, 1, 0), [2]), ((0, 2, 0), [4]), ((0, 2, 1), [8])]
    assert listed(found, "a") == [((0, 0), [1]), ((0, 1), [1]), ((0, 2), [2])]


def test_one_name_in_two_branches_means_two_values() -> None:
    text = """
    g (float[1] x, bool c) => (float[1] y) {
      y = If (c) <
        then_branch = t () => (float[1] o) { o = Neg (x) },
        else_branch = e () => (float[1] o) { o = Add (x, x) }
      >
    }
    """
    found = recorded(text, ["o in body 1", "o in body 2"], x=np.ones(1, np.float32), c=False)
    assert [listed(found, name) for name in found] == [[], [((0,), [2])]]


def test_values_of_unknown_type_are_left_out() -> None:
    text = """
    g (float[1] x, bool c) => (float[1] y) {
      y = If (c) <
        then_branch = t () => (o) { h = m.Foo (x) o = Neg (h) },
        else_branch = e () => (e2) { e1 = Add (x, x) e2 = Neg (e1) }
      >
    }
    """
    proto = onnx.parser.parse_model(HEAD.replace("17]", '17, "m": 1]') + text)
    values = BodyValues(proto, InputSets(None, signature(proto), []))
    assert {values.graph.value_names[value] for value in values.types} == {"e1", "e2"}
    assert values.recorded(["h", "o"], elements=True) == {}
