"""Parts of a model in which given values are inputs."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto
from onnx.reference import ReferenceEvaluator

from rewriter.runtime.local_errors.forced_model import ForcedModel, element_type
from tests.build import model

CHAIN = """g (float[2] x) => (float[2] y) <float[2] w = {1, 2}> {
  a = Add(x, w) b = Neg(a) c = Abs(b) y = Mul(c, a)
}"""
FLOAT = TensorProto.FLOAT


def test_a_part_reads_forced_values_and_computes_the_asked_ones() -> None:
    forced = ForcedModel(model(CHAIN), ["a", "c", "y"])
    assert forced.reads("y") == {"a", "c"}
    assert forced.reads("c") == {"a"}
    assert forced.reads("a") == frozenset()
    part, added = forced.part(["c", "y"], dict.fromkeys("acy", FLOAT))
    assert [each.name for each in added] == ["a", "c"]
    assert [node.op_type for node in part.graph.node] == ["Neg", "Abs", "Mul"]
    assert not part.graph.initializer
    one, two = np.array([1, -2], np.float32), np.array([5, 7], np.float32)
    c, y = ReferenceEvaluator(part).run(None, {"a": one, "c": two})
    np.testing.assert_array_equal(c, np.abs(one))
    np.testing.assert_array_equal(y, one * two)


def test_inputs_and_weights_that_a_part_needs_come_along() -> None:
    part, added = ForcedModel(model(CHAIN), ["a"]).part(["a"], {"a": FLOAT})
    assert (added, [each.name for each in part.graph.input]) == ((), ["x"])
    assert [each.name for each in part.graph.initializer] == ["w"]


def test_values_that_no_node_computes_are_not_forced() -> None:
    assert ForcedModel(model(CHAIN), ["x", "w", "no such value", "b"]).forced == {"b"}


def test_names_of_computed_values_clash_with_none() -> None:
    taken = CHAIN.replace("b = Neg", '"a. computed" = Neg').replace("Abs(b)", 'Abs("a. computed")')
    part, _ = ForcedModel(model(taken), ["a"]).part(["a"], {"a": FLOAT})
    assert part.graph.output[0].name == "a. computed'"


def test_bodies_read_forced_values() -> None:
    text = """g (float[2] x, bool on) => (float[2] y) {
      a = Neg(x) b = Exp(x)
      y = If(on) <then_branch = t () => (c) { c = Abs(a) }, else_branch = e () => (d) { d = Abs(b) }>
    }"""
    assert ForcedModel(model(text), ["a", "y"]).reads("y") == {"a"}


def test_random_draws_behind_the_forced_values_are_found() -> None:
    text = """g (float[2] x) => (float[2] y) {
      a = Neg(x) r = RandomUniformLike(a) b = Add(a, r) y = Abs(b)
    }"""
    forced = ForcedModel(model(text), ["a", "b", "y"])
    assert [forced.draws(name) for name in ("a", "b", "y")] == [False, True, False]


def test_types_that_onnx_lacks() -> None:
    assert element_type(np.dtype(np.float32)) == FLOAT
    assert element_type(np.dtype("datetime64[s]")) == TensorProto.UNDEFINED
