"""The law of splits."""

from __future__ import annotations

import pytest

from rewriter.verdict.laws import Kept
from tests.proof.laws.cases import Case, check, refuse

PROVED = {
    "in two": Case(
        "(float[n, 8] x) => (float[n, 3] y)",
        "p = Constant<value_ints = [5, 3]>() u, y = Split<axis = 1>(x, p)",
        """
            s = Constant<value_ints = [5]>()
            e = Constant<value_ints = [8]>()
            a = Constant<value_ints = [1]>()
            y = Slice(x, s, e, a)
        """,
    ),
    "in equal parts": Case(
        "(float[n, 8] x) => (float[n, 4] y)",
        "y, u = Split<axis = -1>(x)",
        "p = Constant<value_ints = [4, 4]>() y, u = Split<axis = 1>(x, p)",
    ),
}
REFUSED = {
    "the other part": Case(
        "(float[n, 8] x) => (float[n, 4] y)",
        "y, u = Split<axis = 1>(x)",
        "u, y = Split<axis = 1>(x)",
    ),
    "another axis": Case(
        "(float[8, 8] x) => (float[a, b] y)",
        "y, u = Split<axis = 1>(x)",
        "y, u = Split<axis = 0>(x)",
    ),
}


@pytest.mark.parametrize("case", PROVED.values(), ids=list(PROVED))
def test_proved(case: Case) -> None:
    check(case, "splits", Kept.BITS)


@pytest.mark.parametrize("case", REFUSED.values(), ids=list(REFUSED))
def test_refused(case: Case) -> None:
    refuse(case)
