"""The law of units."""

from __future__ import annotations

import pytest

from rewriter.verdict.laws import Kept
from tests.proof.laws.cases import Case, check, refuse

PROVED = {
    "times 1": Case(
        "(float[n, 4] x) => (float[n, 4] y)",
        "c = Constant<value = float {1}>() u = Mul(x, c) y = Relu(u)",
        "y = Relu(x)",
    ),
    "by 1": Case(
        "(float[n, 4] x) => (float[n, 4] y)",
        "c = Constant<value = float {1}>() u = Div(x, c) y = Relu(u)",
        "y = Relu(x)",
    ),
    "minus 0": Case(
        "(float[n, 4] x) => (float[n, 4] y)",
        "c = Constant<value = float {0}>() u = Sub(x, c) y = Relu(u)",
        "y = Relu(x)",
    ),
    "plus -0": Case(
        "(float[n, 4] x) => (float[n, 4] y)",
        "c = Constant<value = float {-0.0}>() u = Add(x, c) y = Relu(u)",
        "y = Relu(x)",
    ),
    "integers plus 0": Case(
        "(int64[n] x) => (int64[n] y)",
        "c = Constant<value = int64 {0}>() u = Add(x, c) y = Abs(u)",
        "y = Abs(x)",
    ),
    "and true": Case(
        "(bool[n] x) => (bool[n] y)",
        "c = Constant<value = bool {1}>() u = And(x, c) y = Not(u)",
        "y = Not(x)",
    ),
}
REFUSED = {
    "1 by x": Case(
        "(float[n, 4] x) => (float[n, 4] y)",
        "c = Constant<value = float {1}>() y = Div(c, x)",
        "y = Identity(x)",
    ),
    "0 minus x": Case(
        "(float[n, 4] x) => (float[n, 4] y)",
        "c = Constant<value = float {0}>() y = Sub(c, x)",
        "y = Identity(x)",
    ),
    "nearly 1": Case(
        "(float[n, 4] x) => (float[n, 4] y)",
        "c = Constant<value = float {1.0000001}>() y = Mul(x, c)",
        "y = Identity(x)",
    ),
    "a 1 that widens": Case(
        "(float[4] x) => (float[a, b] y)",
        "c = Constant<value = float[2, 1] {1, 1}>() y = Mul(x, c)",
        "y = Identity(x)",
    ),
    "or true": Case(
        "(bool[n] x) => (bool[n] y)",
        "c = Constant<value = bool {1}>() y = Or(x, c)",
        "y = Identity(x)",
    ),
}


@pytest.mark.parametrize("case", PROVED.values(), ids=list(PROVED))
def test_proved(case: Case) -> None:
    check(case, "units", Kept.BITS)


@pytest.mark.parametrize("case", REFUSED.values(), ids=list(REFUSED))
def test_refused(case: Case) -> None:
    refuse(case)
