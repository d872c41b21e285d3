"""Sums of the input of a branch and its result."""

from __future__ import annotations

import pytest

from rewriter.evidence.certainty import Certainty
from tests.evidence.steps.test_witness import certain

BRANCH = """g (float[2,2] x) => (float[2,2] z)
<float[2,2] "m.in.weight" = {1,2,3,4}, float[2,2] "m.f.one.weight" = {1,2,3,4},
 float[2,2] "m.f.two.weight" = {1,2,3,4}, float[2,2] "m.f.last.weight" = {1,2,3,4},
 float[2,2] "m.f.out.weight" = {1,2,3,4}>
{
  linear = MatMul(x, "m.in.weight")
  linear_1 = MatMul(linear, "m.f.one.weight")
  linear_2 = MatMul(INPUT, "m.f.two.weight")
  matmul = MatMul(linear_1, linear_2)
  linear_3 = MatMul(matmul, "m.f.last.weight")
  z = Add(linear, linear_3)
}"""


@pytest.mark.parametrize(("value", "module"), [("linear", "m"), ("linear_1", "m.f")])
def test_the_caller_of_a_module_with_several_entries_adds_its_input(value: str, module: str) -> None:
    """Queries and keys of an attention both read its input; a chain of layers may add it itself."""
    assert certain(BRANCH.replace("INPUT", value))["z"] == (module, Certainty.GUESSED)
