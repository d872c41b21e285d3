"""The law of evaluation."""

from __future__ import annotations

import pytest

from rewriter.verdict.laws import Kept
from tests.proof.laws.cases import Case, check, refuse

PROVED = {
    "a sum": Case(
        "(float[n] x) => (float[n] y)",
        "c = Constant<value = float {2}>() d = Add(c, c) y = Mul(x, d)",
        "c = Constant<value = float {4}>() y = Mul(x, c)",
    ),
    "two steps": Case(
        "(float[n] x) => (float[n] y)",
        "c = Constant<value = float {2}>() d = Add(c, c) e = Mul(d, d) y = Mul(x, e)",
        "c = Constant<value = float {16}>() y = Mul(x, c)",
    ),
}
REFUSED = {
    "another value": Case(
        "(float[n] x) => (float[n] y)",
        "c = Constant<value = float {2}>() d = Add(c, c) y = Mul(x, d)",
        "c = Constant<value = float {4.0000005}>() y = Mul(x, c)",
    ),
    "another type": Case(
        "(float[n] x) => (double y)",
        "c = Constant<value = float {2}>() d = Add(c, c) y = Cast<to = 11>(d)",
        "c = Constant<value = double {4.5}>() y = Identity(c)",
    ),
    "a random constant": Case(
        "(float[n] x) => (float[n] y)",
        "c = Constant<value = float {2}>() d = RandomNormalLike(c) y = Mul(x, d)",
        "c = Constant<value = float {2}>() y = Mul(x, c)",
    ),
}


@pytest.mark.parametrize("case", PROVED.values(), ids=list(PROVED))
def test_proved(case: Case) -> None:
    check(case, "evaluation", Kept.BITS)


@pytest.mark.parametrize("case", REFUSED.values(), ids=list(REFUSED))
def test_refused(case: Case) -> None:
    refuse(case)
