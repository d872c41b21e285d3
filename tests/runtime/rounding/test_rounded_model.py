"""Values rounded to half precision by two Casts."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto
from onnx.reference import ReferenceEvaluator

from rewriter.runtime.rounding.rounded_model import rounded
from tests.build import model

TEXT = """g (float[3] x, int64[1] i) => (float[3] y) <float[3] w = {0.1, 0.2, 0.3}> {
  a = Add(x, w) b = Mul(a, a) c = Gather(b, i) y = Sub(b, c)
}"""
FLOATS = frozenset("xwabcy")
X = np.array([1.0001, 300.3, 5.5], np.float32)
FEEDS = {"x": X, "i": np.array([2])}


def run(made: onnx.ModelProto) -> np.ndarray:
    onnx.checker.check_model(made)
    (found,) = ReferenceEvaluator(made).run(None, FEEDS)
    return np.asarray(found)


def half(array: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return array.astype(np.float16).astype(np.float32)


def test_nothing_is_rounded_without_nodes() -> None:
    made = rounded(model(TEXT), (), FLOATS, TensorProto.FLOAT16)
    assert made == model(TEXT)


def test_operands_and_results_of_chosen_nodes_are_rounded() -> None:
    w = np.array([0.1, 0.2, 0.3], np.float32)
    a = half(half(X) + half(w))
    b = a * a
    np.testing.assert_array_equal(run(rounded(model(TEXT), [0], FLOATS, TensorProto.FLOAT16)), b - b[2])
    whole = half(b)
    expected = half(whole - whole[2])
    found = run(rounded(model(TEXT), range(4), FLOATS, TensorProto.FLOAT16))
    assert np.isinf(found[1])  # 300.5 squared is beyond the range
    np.testing.assert_array_equal(found, expected)


def test_results_of_other_nodes_are_rounded_for_the_chosen_ones_alone() -> None:
    a = X + np.array([0.1, 0.2, 0.3], np.float32)
    b = a * a
    with np.errstate(invalid="ignore"):
        expected = half(half(b) - half(b[2]))
    np.testing.assert_array_equal(run(rounded(model(TEXT), [3], FLOATS, TensorProto.FLOAT16)), expected)
