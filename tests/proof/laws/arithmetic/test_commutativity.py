"""The law of commutativity."""

from __future__ import annotations

import pytest

from rewriter.verdict.laws import Kept
from tests.proof.laws.cases import Case, check, refuse

PROVED = {
    "sum": Case(
        "(float[n, 4] x, float[n, 4] z) => (float[n, 4] y)",
        "y = Add(x, z)",
        "y = Add(z, x)",
    ),
    "product that broadcasts": Case(
        "(float[n, 4] x, float[4] z) => (float[n, 4] y)",
        "y = Mul(x, z)",
        "y = Mul(z, x)",
    ),
    "integers": Case(
        "(int64[n] x, int64[n] z) => (int64[n] y)",
        "y = Add(x, z)",
        "y = Add(z, x)",
    ),
    "equality": Case(
        "(float[n] x, float[n] z) => (bool[n] y)",
        "y = Equal(x, z)",
        "y = Equal(z, x)",
    ),
}
REFUSED = {
    "difference": Case(
        "(float[n, 4] x, float[n, 4] z) => (float[n, 4] y)",
        "y = Sub(x, z)",
        "y = Sub(z, x)",
    ),
    "quotient": Case(
        "(float[n, 4] x, float[n, 4] z) => (float[n, 4] y)",
        "y = Div(x, z)",
        "y = Div(z, x)",
    ),
    "maximum, which may treat NaN by position": Case(
        "(float[n, 4] x, float[n, 4] z) => (float[n, 4] y)",
        "y = Max(x, z)",
        "y = Max(z, x)",
    ),
    "association": Case(
        "(float[n] x, float[n] z, float[n] v) => (float[n] y)",
        "u = Add(x, z) y = Add(u, v)",
        "u = Add(z, v) y = Add(x, u)",
    ),
    "matrix product": Case(
        "(float[n, n] x, float[n, n] z) => (float[n, n] y)",
        "y = MatMul(x, z)",
        "y = MatMul(z, x)",
    ),
}


@pytest.mark.parametrize("case", PROVED.values(), ids=list(PROVED))
def test_proved(case: Case) -> None:
    check(case, "commutativity", Kept.BITS)


@pytest.mark.parametrize("case", REFUSED.values(), ids=list(REFUSED))
def test_refused(case: Case) -> None:
    refuse(case)
