"""The law of broadcasting."""

from __future__ import annotations

import pytest

from rewriter.verdict.laws import Kept
from tests.proof.laws.cases import Case, check, refuse

PROVED = {
    "a leading 1": Case(
        "(float[n, 4] x, float[4] z) => (float[n, 4] y)",
        "a = Constant<value_ints = [0]>() u = Unsqueeze(z, a) y = Sub(x, u)",
        "y = Sub(x, z)",
    ),
    "a scalar": Case(
        "(float[n, 4] x, float z) => (float[n, 4] y)",
        "s = Constant<value_ints = [1, 1]>() u = Reshape(z, s) y = Pow(x, u)",
        "y = Pow(x, z)",
    ),
}
REFUSED = {
    "a last 1": Case(
        "(float[4, 4] x, float[4] z) => (float[4, 4] y)",
        "a = Constant<value_ints = [1]>() u = Unsqueeze(z, a) y = Sub(x, u)",
        "y = Sub(x, z)",
    ),
    "a 1 that widens": Case(
        "(float[4] x, float[4] z) => (float[a, b] y)",
        "a = Constant<value_ints = [0]>() u = Unsqueeze(z, a) y = Sub(x, u)",
        "y = Sub(x, z)",
    ),
}


@pytest.mark.parametrize("case", PROVED.values(), ids=list(PROVED))
def test_proved(case: Case) -> None:
    check(case, "broadcasting", Kept.BITS)


@pytest.mark.parametrize("case", REFUSED.values(), ids=list(REFUSED))
def test_refused(case: Case) -> None:
    refuse(case)
