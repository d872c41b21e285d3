from __future__ import annotations

import onnx
import pytest

from rewriter.evidence.metadata import dynamo
from rewriter.evidence.settle import settle
from rewriter.model.index.graph import GraphIndex
from tests.build import model


def traced(*steps: str) -> onnx.ModelProto:
    """Build a model as dynamo writes it; a step is `module>module it calls: value = Operator(...)`."""
    lines, metadata = [], {}
    for step in steps:
        modules, _, node = step.partition(": ")
        name = node.partition(" = ")[0]
        running = ["", *modules.split(">")] if modules else [""]
        lines.append(f'["{name}"] {node}')
        metadata[name] = {dynamo.NAME_SCOPES: str([*running, name])}
    head = "g (float[2] x, float[2] ref) => (float[2] y) <float[2] w = {1,2}, float[2] c = {3,4}>"
    return model("\n".join([head, "{", *lines, "}"]), **metadata)


def calls(*steps: str) -> list[int]:
    """Return the call of every step."""
    return list(settle(GraphIndex(traced(*steps))).calls)


def block(number: int, into: str, out: str, shared: str = "m") -> list[str]:
    """Return the steps of a call of `block`, which multiplies by a value and adds an initializer."""
    return [f"block: mul_{number} = Mul({into}, {shared})", f"block: {out} = Add(mul_{number}, c)"]


MASK = ["block: gt = Abs(ref)", "block: m = Sigmoid(gt)"]
"""Steps that the exporter writes in the first call alone."""


@pytest.mark.parametrize("count", [2, 3, 5])
def test_the_first_call_computes_what_all_share(count: int) -> None:
    values = ["x", *(f"add_{n}" for n in range(1, count)), "y"]
    steps = [step for n in range(count) for step in block(n, values[n], values[n + 1])]
    assert calls(*MASK, *steps) == [0, 0, *(n for n in range(count) for _ in range(2))]


def test_what_is_shared_may_stand_anywhere_in_the_first_call() -> None:
    one, two = block(0, "x", "add"), block(1, "add", "y")
    assert calls(MASK[0], "block: neg = Neg(x)", MASK[1], *block(0, "neg", "add"), "block: neg_1 = Neg(add)",
                 *block(1, "neg_1", "y")) == [0] * 5 + [1] * 3  # fmt: skip
    assert calls("stem: gt = Abs(ref)", "block: m = Sigmoid(gt)", *one, *two) == [0, 0, 0, 0, 1, 1]


def test_a_sibling_between_ends_a_call_though_the_bodies_differ() -> None:
    steps = ["block: mul = Mul(x, w)", "act: tanh = Tanh(mul)", "block: mul_1 = Mul(tanh, w)",
             "block: relu = Relu(mul_1)", "act: y = Tanh(relu)"]  # fmt: skip
    assert calls(*steps) == [0, 0, 1, 1, 1]


def test_an_operator_of_the_caller_between_ends_a_call() -> None:
    steps = [
        "block: neg = Neg(x)",
        ": add = Add(neg, ref)",
        "block: neg_1 = Neg(add)",
        "block: y = Abs(neg_1)",
    ]
    assert calls(*steps) == [0, 0, 1, 1]


def test_a_module_that_calls_one_registered_elsewhere_is_not_left() -> None:
    once = ["block: mul = Mul(x, w)", "block>table.act: tanh = Tanh(mul)", "block: y = Mul(tanh, w)"]
    assert calls(*once) == [0, 0, 0]


def test_calls_at_once_and_behind_a_sibling() -> None:
    steps = [
        *block(0, "x", "a", "w"),
        *block(1, "a", "b", "w"),
        "act: tanh = Tanh(b)",
        *block(2, "tanh", "y", "w"),
    ]
    assert calls(*steps) == [0, 0, 1, 1, 0, 2, 2]


def test_calls_at_once_before_one_that_computes_less() -> None:
    steps = [*MASK, *block(0, "x", "a"), "block: gt_1 = Abs(x)", "block: m_1 = Sigmoid(gt_1)",
             *block(1, "a", "b", "m_1"), "act: tanh = Tanh(b)", *block(2, "tanh", "y")]  # fmt: skip
    assert calls(*steps) == [0] * 4 + [1] * 4 + [0, 2, 2]


def test_calls_on_different_values_with_a_sibling_between() -> None:
    steps = ["block: mul = Mul(x, w)", "block: relu = Relu(mul)", "act: tanh = Tanh(relu)",
             "block: mul_1 = Mul(ref, w)", "block: neg = Neg(mul_1)", ": y = Add(tanh, neg)"]  # fmt: skip
    assert calls(*steps) == [0, 0, 0, 1, 1, 0]


def test_a_call_whose_nodes_another_tool_scattered_stays_one() -> None:
    # `left` ran before `right`; their nodes may alternate after a tool has sorted the file again.
    steps = ["left: mul = Mul(x, w)", "right: mul_2 = Mul(ref, c)", "left: mul_1 = Mul(mul, ref)",
             "right: abs = Abs(mul_2)", "left: add = Add(mul_1, w)", ": y = Add(add, abs)"]  # fmt: skip
    assert calls(*steps) == [0] * 6


def test_arithmetic_repeats_by_itself() -> None:
    assert calls("block: mul = Mul(x, ref)", "block: mul_1 = Mul(mul, ref)", ": y = Abs(mul_1)") == [0, 0, 0]


def test_other_names_of_a_weight_are_no_calls() -> None:
    # An exporter keeps one of several equal biases, and writes an Identity for each other name.
    layers = model(
        """g (float[2] x) => (float[2] y) <float[2] "layers.0.bias" = {1,2}, float[2] "layers.0.w" = {1,2}> {
          "layers.1.bias" = Identity("layers.0.bias")
          h = Neg(x)
          "layers.1.w" = Identity("layers.0.w")
          ["/fused/Mul"] m = Mul(h, "layers.1.w")
          ["/fused/Add"] y = Add(m, "layers.1.bias")
        }"""
    )
    settled = settle(GraphIndex(layers))
    assert set(settled.calls) == {0}
    assert not settled.module_calls
