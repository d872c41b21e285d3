"""The law of reciprocals."""

from __future__ import annotations

import pytest

from rewriter.verdict.laws import Kept
from tests.proof.laws.cases import Case, check, refuse

PROVED = {
    "of a division": Case(
        "(float[n, 4] x, float[n, 4] z) => (float[n, 4] y)",
        "o = Constant<value_float = 1.0>() r = Div(o, z) y = Mul(x, r)",
        "y = Div(x, z)",
    ),
    "of an operator": Case(
        "(float[n, 4] x, float[n, 4] z) => (float[n, 4] y)",
        "r = Reciprocal(z) y = Mul(r, x)",
        "y = Div(x, z)",
    ),
}
REFUSED = {
    "another numerator": Case(
        "(float[n, 4] x, float[n, 4] z) => (float[n, 4] y)",
        "o = Constant<value_float = 1.0000001>() r = Div(o, z) y = Mul(x, r)",
        "y = Div(x, z)",
    ),
    "of the other": Case(
        "(float[n, 4] x, float[n, 4] z) => (float[n, 4] y)",
        "r = Reciprocal(x) y = Mul(z, x)",
        "y = Div(x, z)",
    ),
    "a sum": Case(
        "(float[n, 4] x, float[n, 4] z) => (float[n, 4] y)",
        "r = Reciprocal(z) y = Add(x, r)",
        "y = Div(x, z)",
    ),
}


@pytest.mark.parametrize("case", PROVED.values(), ids=list(PROVED))
def test_proved(case: Case) -> None:
    check(case, "reciprocals", Kept.ROUNDED)


@pytest.mark.parametrize("case", REFUSED.values(), ids=list(REFUSED))
def test_refused(case: Case) -> None:
    refuse(case)
