"""The law of zeros."""

from __future__ import annotations

import pytest

from rewriter.verdict.laws import Kept
from tests.proof.laws.cases import Case, check, refuse

PROVED = {
    "plus 0": Case(
        "(float[n, 4] x) => (float[n, 4] y)",
        "c = Constant<value = float {0}>() u = Add(x, c) y = Relu(u)",
        "y = Relu(x)",
    ),
    "0 plus": Case(
        "(float[n, 4] x) => (float[n, 4] y)",
        "c = Constant<value = float {0}>() u = Add(c, x) y = Relu(u)",
        "y = Relu(x)",
    ),
}
REFUSED = {
    "0 minus x": Case(
        "(float[n, 4] x) => (float[n, 4] y)",
        "c = Constant<value = float {0}>() y = Sub(c, x)",
        "y = Identity(x)",
    ),
    "a small number": Case(
        "(float[n, 4] x) => (float[n, 4] y)",
        "c = Constant<value = float {1.5e-38}>() y = Add(x, c)",
        "y = Identity(x)",
    ),
    "a 0 that widens": Case(
        "(float[4] x) => (float[a, b] y)",
        "c = Constant<value = float[2, 1] {0, 0}>() y = Add(x, c)",
        "y = Identity(x)",
    ),
}


@pytest.mark.parametrize("case", PROVED.values(), ids=list(PROVED))
def test_proved(case: Case) -> None:
    check(case, "zeros", Kept.ROUNDED)


@pytest.mark.parametrize("case", REFUSED.values(), ids=list(REFUSED))
def test_refused(case: Case) -> None:
    refuse(case)
