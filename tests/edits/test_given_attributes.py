"""Attributes for kernels: their form, and a kernel of onnxruntime that needs one."""

from __future__ import annotations

import math
from typing import Any

import pytest
from onnx import helper

import rewriter
from rewriter.edits.given_attributes import read_attributes
from rewriter.edits.replacement import Ran
from rewriter.errors import Different, UsageError
from tests.build import model

SWISH = """g (float[4] x) => (float[4] y) <float two = {2.0}> {
  ["/l.0/Mul"] a = Mul (x, two)
  ["/l.0/Sigmoid"] b = Sigmoid (a)
  ["/l.0/Mul_1"] c = Mul (x, b)
  ["/m/Neg"] y = Neg (c) }"""
LEAKY = """g (float[2] x) => (float[2] y) {
  ["/l.0/LeakyRelu"] a = LeakyRelu <alpha = 0.1> (x)
  ["/l.1/LeakyRelu"] y = LeakyRelu <alpha = 0.2> (a) }"""


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("n=4", 4),
        ("n=0.5", 0.5),
        ("n=-inf", "-inf"),
        ("n=NaN", math.nan),
        ("n=fast", "fast"),
        ("n=", ""),
        ('n="4"', "4"),
        ("n=a=b", "a=b"),
        ("n=[1, 2]", [1, 2]),
        ("n=[1, 2.5]", [1, 2.5]),
        ('n=["a"]', ["a"]),
    ],
)
def test_a_value_is_json_or_a_text(text: str, value: Any) -> None:
    assert repr(read_attributes([text])) == repr({"n": value})


@pytest.mark.parametrize(
    ("texts", "fault"),
    [
        (["n"], "write NAME=VALUE"),
        (["=4"], "'' names no attribute"),
        (["a b=4"], "'a b' names no attribute"),
        (["n=1", "n=2"], "n is given twice"),
        (["n=null"], "None is no integer"),
        (["n=true"], "True is no integer"),
        (["n=[]"], "is no integer"),
        (['n=[1, "a"]'], "nor a list with entries of one kind"),
        (["n=9223372036854775808"], "does not fit 64 bits"),
    ],
)
def test_other_forms_are_refused(texts: list[str], fault: str) -> None:
    with pytest.raises(UsageError, match=fault):
        read_attributes(texts)


def test_a_kernel_computes_with_the_attribute() -> None:
    with pytest.raises(Different, match="onnxruntime runs its kernel of com"):
        rewriter.replace(model(SWISH), "l.0", "com.microsoft:QuickGelu")
    found = rewriter.replace(model(SWISH), "l.0", "com.microsoft:QuickGelu", attributes={"alpha": 2.0})
    assert (found.ran, found.attributes) == (Ran.KERNEL, {"alpha": "float"})


def test_every_node_has_it_and_flatten_removes_it() -> None:
    given: dict[str, Any] = {"heads": 4, "axes": [0, 1]}
    found = rewriter.replace(model(LEAKY), "l.*", "my.domain:Op", attributes=given, numbers=False)
    for node in found.nodes:
        held = {each.name: helper.get_attribute_value(each) for each in node.attribute}
        assert {name: held[name] for name in given} == given
    assert list(found.function.attribute) == ["alpha", "heads", "axes"]
    flat = rewriter.rewrite(found.model, passes="flatten", numbers=False).analysis.model
    annotated = rewriter.rewrite(model(LEAKY), numbers=False).analysis.model
    assert flat.graph.node == annotated.graph.node


def test_attributes_in_which_modules_differ_are_not_given_again() -> None:
    with pytest.raises(UsageError, match="attribute alpha has the values in which the modules differ"):
        rewriter.replace(model(LEAKY), "l.*", "my.domain:Op", attributes={"alpha": 1.0}, numbers=False)
    nothing: Any = {"n": None}
    with pytest.raises(UsageError, match="is no integer, float or text"):
        rewriter.replace(model(LEAKY), "l.*", "my.domain:Op", attributes=nothing, numbers=False)
