"""The law of opsets."""

from __future__ import annotations

import pytest

from rewriter.verdict.laws import Kept
from tests.proof.laws.cases import Case, check, refuse

PROVED = {
    "a sum": Case(
        "(float[n, 4] x, float[n, 4] z) => (float[n, 4] y)",
        "y = Add(x, z)",
        "y = Add(x, z)",
        opset=13,
        other=14,
    ),
    "a matrix product": Case(
        "(float[n, n] x, float[n, n] z) => (float[n, n] y)",
        "y = MatMul(x, z)",
        "y = MatMul(x, z)",
        opset=12,
        other=13,
    ),
}
REFUSED = {
    "softmax, which changed its axis": Case(
        "(float[n, 4, 4] x) => (float[n, 4, 4] y)",
        "y = Softmax<axis = 1>(x)",
        "y = Softmax<axis = 1>(x)",
        opset=12,
        other=13,
    ),
}


@pytest.mark.parametrize("case", PROVED.values(), ids=list(PROVED))
def test_proved(case: Case) -> None:
    check(case, "opsets", Kept.BITS)


@pytest.mark.parametrize("case", REFUSED.values(), ids=list(REFUSED))
def test_refused(case: Case) -> None:
    refuse(case)
