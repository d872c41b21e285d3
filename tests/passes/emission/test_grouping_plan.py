"""Nodes in graph bodies that stay outside of functions, which would break them."""

from __future__ import annotations

import onnx
import onnx.checker
import pytest

import rewriter
from rewriter.refusals import Reason
from tests.build import model

OPTIONAL = """
g (float[2] x, bool c) => (float[2] y)
{
  ["/Optional"] o = Optional (x)
  ["SCOPE/If"] y = If (c) <
    then_branch = t () => (float[2] a)
      { ["/dec/up/OptionalGetElement"] q = OptionalGetElement (o)  ["/dec/up/Mul"] a = Mul (x, q) },
    else_branch = e () => (float[2] b) { ["/dec/down/Neg"] b = Neg (x) }>
}
"""
"""A branch captures an optional."""

OPEN = """
g (float[2] x, int64 n) => (float[2] y, float[N, K] z)
{
  ["/Loop"] y, z = Loop (n, "", x) <body =
    b (int64 i, bool go, float[2] state) => (bool more, float[2] next, float[K] row) <float[2] p>
    {
      more = Identity (go)
      ["/dec/up/Neg"] p = Neg (state)
      ["/dec/up/Mul"] q = Mul (p, x)
      ["/dec/up/Abs"] next = Abs (q)
      ["/dec/up/Relu"] row = Relu (q)
      ["/dec/unused/Relu"] u = Relu (state)
    }>
}
"""
"""A Loop whose body declares no full shape of a scan output, and states the type of an inner value."""


def refused(text: str) -> set[tuple[str, Reason]]:
    report = rewriter.rewrite(model(text), functions="call", numbers=True)
    return {(each.witness or "", each.reason) for each in report.refusals}


def test_a_function_passes_no_late_type_on_to_a_body_whose_function_reads_it() -> None:
    assert refused(OPTIONAL.replace("SCOPE", "/dec")) == {("/dec/up/OptionalGetElement", Reason.LATE_TYPE)}


def test_a_function_in_a_body_of_the_main_graph_reads_a_late_type() -> None:
    # `dec` itself has no node in the main graph; `up` is the second call around the node.
    assert refused(OPTIONAL.replace("SCOPE", "").replace("/dec/up", "/up")) == set()


def test_stated_types_count_in_the_body_of_an_open_loop() -> None:
    nodes = {f"/dec/up/{each}" for each in ("Mul", "Abs", "Relu")}
    assert refused(OPEN) == {(node, Reason.STATED_TYPE) for node in nodes}
    assert refused(OPEN.replace("float[K] row", "float[2] row")) == set()


BEFORE_OPEN = """
g (float[2] x, bool c, int64 n) => (float[2] y, float[N, K] z)
{
  ["/If"] h = If (c) <
    then_branch = t () => (float[2] a) <float[2] p>
      { ["/up/Neg"] p = Neg (x)  ["/up/Abs"] a = Abs (p)  ["/up/aside/Relu"] u = Relu (x) },
    else_branch = e () => (float[2] b) { ["/down/Neg"] b = Neg (x) }>
  ["/Loop"] y, z = Loop (n, "", h) <body =
    b (int64 i, bool go, float[2] state) => (bool more, float[2] next, float[K] row)
    { more = Identity (go)  ["/cell/Abs"] next = Abs (state)  ["/cell/Relu"] row = Relu (state) }>
}
"""
"""An open Loop depends on a branch of an If that states the type of an inner value."""


def test_stated_types_count_in_a_body_before_an_open_loop() -> None:
    assert refused(BEFORE_OPEN) == {("/up/Abs", Reason.STATED_TYPE)}
    assert refused(BEFORE_OPEN.replace("float[K] row", "float[2] row")) == set()


OPAQUE = """
g (float[2] x, bool c) => (float[2] y)
{
  ["/enc/P"] p = mine.P (x)
  ["/If"] y = If (c) <
    then_branch = t () => (float[2] a)
      { ["/up/Optional"] q = Optional (p)  ["/up/Get"] r = OptionalGetElement (q)  ["/up/P"] a = mine.P (r) },
    else_branch = e () => (float[2] b) { ["/down/Neg"] b = Neg (x) }>
}
"""
"""A body reads a value of unknown type before an operator that onnx does not know."""


def test_the_checker_complains_in_bodies_that_hold_opaque_nodes() -> None:
    source = model(OPAQUE)
    source.opset_import.add(domain="mine", version=1)
    onnx.checker.check_model(source, full_check=True)
    report = rewriter.rewrite(source, functions="call", numbers=False)
    assert ("/enc/P", Reason.NO_TYPE) in {(each.witness, each.reason) for each in report.refusals}
    onnx.checker.check_model(report.analysis.model, full_check=True)


MAIN = """
g (float[2] x, int64 n) => (float[2] y, float[N, K] z) <float[2] p>
{
  ["/up/Neg"] p = Neg (x)
  ["/up/Abs"] h = Abs (p)
  ["/Loop"] y, z = Loop (n, "", h) <body =
    b (int64 i, bool go, float[2] state) => (bool more, float[2] next, float[K] row)
    { more = Identity (go)  ["/cell/Abs"] next = Abs (state)  ["/cell/Relu"] row = Relu (state) }>
}
"""
"""A Loop outside of all modules depends on a value of stated type inside a module."""


@pytest.mark.parametrize("text", [MAIN, MAIN.replace(") <float[2] p>", ", float[2] p)")])
def test_stated_types_count_before_an_open_loop_of_the_root(text: str) -> None:
    """Outputs state types too."""
    assert refused(text) == {("/up/Abs", Reason.STATED_TYPE)}
