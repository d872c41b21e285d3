"""Two bodies have one key where they differ in names and order alone, and only there."""

from __future__ import annotations

import onnx
import pytest
from onnx import FunctionProto, NodeProto, TensorProto, helper

from rewriter.passes.functions.canonical_form import canonical_body, constant_key


def function(body: str) -> FunctionProto:
    """A function of `a`, `b` and `c` that gives `out`."""
    text = f'<domain: "t", opset_import: ["" : 20]> f (c, a, b) => (out) {{ {body} }}'
    return onnx.parser.parse_function(text)


def branch(nodes: str) -> FunctionProto:
    """A function whose If has these nodes in one branch; they end in `z`."""
    return function(
        f"out = If (c) <then_branch = g () => (float[2] z) {{ {nodes} }},"
        " else_branch = h () => (float[2] w) { w = Add (a, b) }>"
    )


def test_names_and_order_do_not_count() -> None:
    first = function("x = Neg (a) y = Abs (b) out = Where (c, x, y)")
    second = function("t = Abs (b) s = Neg (a) out = Where (c, s, t)")
    assert canonical_body(first, {}).key == canonical_body(second, {}).key


@pytest.mark.parametrize(
    ("inner", "outer"),
    [
        ("x = Neg (a) y = Add (a, x) z = Mul (b, y)", "x = Neg (a) y = Add (a, x) z = Mul (b, b)"),
        ("x = Neg (a) y = Add (a, x) z = Mul (y, b)", "x = Neg (a) y = Add (a, x) z = Mul (x, b)"),
    ],
)
def test_a_value_of_a_branch_is_none_from_outside(inner: str, outer: str) -> None:
    assert canonical_body(branch(inner), {}).key != canonical_body(branch(outer), {}).key


def test_a_branch_captures_what_it_does_not_make() -> None:
    """`x` is made inside: the order in which the function's inputs are met does not depend on it."""
    body = canonical_body(branch("x = Neg (b) z = Add (x, a)"), {})
    assert body.inputs == ("c", "b", "a")
    assert "x" not in body.values


@pytest.mark.parametrize("text", ["told", ""])
@pytest.mark.parametrize("field", ["name", "doc_string"])
def test_what_a_tensor_is_called_does_not_count(field: str, text: str) -> None:
    plain, told = _constant(), _constant()
    setattr(told.attribute[0].t, field, text)
    assert constant_key(plain) == constant_key(told)


def test_what_a_tensor_holds_counts() -> None:
    assert constant_key(_constant(1.0)) != constant_key(_constant(2.0))


def _constant(value: float = 1.0) -> NodeProto:
    tensor = TensorProto(data_type=TensorProto.FLOAT, dims=[1], float_data=[value])
    return helper.make_node("Constant", [], ["k"], value=tensor)
