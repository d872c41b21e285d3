"""Weights that a file gives to the bodies of Loop and Scan are weights there."""

from __future__ import annotations

import pytest

from rewriter.evidence.parameters.tensor_roles import operands_of
from rewriter.evidence.roles import Role
from rewriter.model.index.graph import GraphIndex
from tests.build import model

MATRIX = "float[4,4] w = {1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7}"

LOOP = """g (float[2,4] x) => (float[2,4] y, float[4,4] v)
<int64 n = {3}, bool go = {1}, MATRIX> {
  y, v = Loop (n, go, x, w) <body = b (int64 i, bool c, float[2,4] h, float[4,4] u)
    => (bool c2, float[2,4] h2, float[4,4] u2) { c2 = Identity (c) h2 = MatMul (h, u) u2 = GIVEN }>
}"""

SCAN = """g (float[2,4] x) => (float[2,4] y, float[4,2,4] z)
<float[3,4,4] w = {0}> {
  y, z = Scan <num_scan_inputs = 1, body = b (float[2,4] h, float[4,4] u)
    => (float[2,4] h2, float[2,4] out) { h2 = MatMul (h, u) out = Identity (h2) }> (x, w)
}"""


def role(text: str) -> Role:
    graph = GraphIndex(model(text.replace("MATRIX", MATRIX)))
    return operands_of(graph).roles[graph.value("w")]


@pytest.mark.parametrize(
    ("given", "expected"),
    [("Identity (u)", Role.PARAMETER), ("Neg (u)", Role.CONSTANT)],
    ids=["the same in every iteration", "a first value"],
)
def test_what_a_loop_carries_is_a_weight_if_it_stays(given: str, expected: Role) -> None:
    assert role(LOOP.replace("GIVEN", given)) is expected


def test_what_a_scan_cuts_into_slices_is_a_weight() -> None:
    assert role(SCAN) is Role.PARAMETER


def test_the_first_state_of_a_scan_is_none() -> None:
    first = SCAN.replace("float[2,4] x)", "float[3,4,4] k)").replace("float[3,4,4] w", "float[2,4] w")
    assert role(first.replace("(x, w)", "(w, k)")) is Role.CONSTANT
