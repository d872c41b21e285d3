"""Values of closed expressions, by two evaluators."""

from __future__ import annotations

import numpy as np
import onnx

from rewriter.runtime.infer.constant_task import agreed
from rewriter.runtime.infer.constants import evaluate
from tests.build import model


def test_outputs_on_which_both_agree() -> None:
    net = model(
        """g () => (float[2] a, float[2] b) {
            c = Constant<value = float[2] {1, 4}>()
            a = Sqrt(c)
            b = Add(a, c)
        }"""
    )
    found = evaluate(net, timeout=60)
    assert {name: [value.tolist() for value in values] for name, values in found.items()} == {
        "a": [[1.0, 2.0]],
        "b": [[2.0, 6.0]],
    }


def test_a_node_that_fails_takes_no_other_along() -> None:
    net = model(
        """g () => (float[2] a, float[3] b) {
            c = Constant<value = float[2] {1, 4}>()
            s = Constant<value_ints = [3]>()
            a = Sqrt(c)
            b = Reshape(c, s)
        }"""
    )
    assert set(evaluate(net, timeout=60)) == {"a"}


def test_a_model_that_no_runtime_loads_has_no_values() -> None:
    net = model("g () => (float[2] a) { c = Constant<value = float[2] {1, 4}>() a = Sqrt(c) }")
    net.graph.node[1].op_type = "Unknown"
    assert evaluate(net, timeout=60) == {}
    assert evaluate(onnx.ModelProto(), timeout=60) == {}


def test_values_4_ulp_apart_both_count() -> None:
    one = np.array([1, 2], np.float32)
    for step, count in ((0, 1), (1, 2), (4, 2), (5, 0)):
        other = one + np.float32(step * 2**-23)
        assert len(agreed({"a": one}, {"a": other}).get("a", ())) == count, step


def test_other_types_shapes_and_integers_never_nearly_agree() -> None:
    one = np.array([1, 2], np.float32)
    for other in (one.astype(np.float64), one.reshape(1, 2), np.array([1, np.inf], np.float32)):
        assert not agreed({"a": one}, {"a": other})
    assert not agreed({"a": np.array([1])}, {"a": np.array([2])})
    assert not agreed({"a": np.array([0.0], np.float32)}, {"a": np.array([1e-44], np.float32)})
