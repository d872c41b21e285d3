"""The law of pads."""

from __future__ import annotations

import pytest

from rewriter.verdict.laws import Kept
from tests.proof.laws.cases import Case, check, refuse

PROVED = {
    "by nothing": Case(
        "(float[n, 4] x) => (float[n, 4] y)",
        "p = Constant<value_ints = [0, 0, 0, 0]>() u = Pad(x, p) y = Relu(u)",
        "y = Relu(x)",
    ),
    "by nothing, reflected": Case(
        "(float[n, 4] x) => (float[n, 4] y)",
        """
            p = Constant<value_ints = [0, 0, 0, 0]>()
            u = Pad<mode = "reflect">(x, p)
            y = Relu(u)
        """,
        "y = Relu(x)",
    ),
}
REFUSED = {
    "by one": Case(
        "(float[n, 4] x) => (float[n, m] y)",
        "p = Constant<value_ints = [0, 0, 0, 1]>() y = Pad(x, p)",
        "y = Identity(x)",
    ),
    "by one on one side, off on the other": Case(
        "(float[n, 4] x) => (float[n, m] y)",
        "p = Constant<value_ints = [0, 1, 0, -1]>() y = Pad(x, p)",
        "y = Identity(x)",
    ),
}


@pytest.mark.parametrize("case", PROVED.values(), ids=list(PROVED))
def test_proved(case: Case) -> None:
    check(case, "pads", Kept.BITS)


@pytest.mark.parametrize("case", REFUSED.values(), ids=list(REFUSED))
def test_refused(case: Case) -> None:
    refuse(case)
