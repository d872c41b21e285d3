"""The law of joined weights."""

from __future__ import annotations

import pytest

from rewriter.verdict.laws import Kept
from tests.proof.laws.cases import Case, check, refuse

PROVED = {
    "a split": Case(
        "(float[m, 3] x) => (float[m, 2] y)",
        """
            w = Constant<value = float[3, 2] {1, 2, 3, 4, 5, 6}>()
            b = Constant<value = float[2] {7, 8}>()
            y = MatMul(x, w)
        """,
        """
            w = Constant<value = float[3, 4] {1, 2, 7, 8, 3, 4, 9, 10, 5, 6, 11, 12}>()
            u = MatMul(x, w)
            y, z = Split<axis = 1>(u)
        """,
    ),
}
REFUSED = {
    "the other part": Case(
        "(float[m, 3] x) => (float[m, 2] y)",
        """
            w = Constant<value = float[3, 2] {1, 2, 3, 4, 5, 6}>()
            b = Constant<value = float[2] {7, 8}>()
            y = MatMul(x, w)
        """,
        """
            w = Constant<value = float[3, 4] {1, 2, 7, 8, 3, 4, 9, 10, 5, 6, 11, 12}>()
            u = MatMul(x, w)
            z, y = Split<axis = 1>(u)
        """,
    ),
    "rows": Case(
        "(float[2, 3] x) => (float[a, b] y)",
        """
            w = Constant<value = float[3, 4] {1, 2, 7, 8, 3, 4, 9, 10, 5, 6, 11, 12}>()
            u = MatMul(x, w)
            y, z = Split<axis = 0>(u)
        """,
        """
            w = Constant<value = float[3, 4] {1, 2, 7, 8, 3, 4, 9, 10, 5, 6, 11, 12}>()
            u = MatMul(x, w)
            y, z = Split<axis = 1>(u)
        """,
    ),
}


@pytest.mark.parametrize("case", PROVED.values(), ids=list(PROVED))
def test_proved(case: Case) -> None:
    check(case, "joined weights", Kept.ROUNDED)


@pytest.mark.parametrize("case", REFUSED.values(), ids=list(REFUSED))
def test_refused(case: Case) -> None:
    refuse(case)
