"""Files that a tool sorted anew: a mask that all layers read may stand between the nodes of one layer."""

from __future__ import annotations

import pytest

from tests.evidence.steps.test_witness import certain

MASKED = """g (float[1,2] x, float[1,2] m) => (float[1,2] z)
<float[2,2] "net.layers.0.a.weight" = {1,2,3,4}, float[2] "net.layers.0.a.bias" = {1,2},
 float[2,2] "net.layers.0.b.weight" = {1,2,3,4}, float[2,2] "net.layers.1.a.weight" = {1,2,3,4}>
{
  val_1 = MatMul(x, "net.layers.0.a.weight")
  NODES
  add = Add(linear, neg)
  linear_1 = MatMul(add, "net.layers.0.b.weight")
  add_1 = Add(linear_1, neg)
  z = MatMul(add_1, "net.layers.1.a.weight")
}"""
SUM = 'linear = Add(val_1, "net.layers.0.a.bias")'
MASK = "neg = Neg(m)"


@pytest.mark.parametrize(
    ("nodes", "module"), [(f"{SUM}\n  {MASK}", "net.layers.0"), (f"{MASK}\n  {SUM}", None)]
)
def test_a_step_between_the_nodes_of_one_operator_was_moved(nodes: str, module: str | None) -> None:
    found = certain(MASKED.replace("NODES", nodes))["neg"]
    assert (found and found[0]) == module
