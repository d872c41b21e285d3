"""The law of bias of a convolution."""

from __future__ import annotations

import pytest

from rewriter.verdict.laws import Kept
from tests.proof.laws.cases import Case, check, refuse

PROVED = {
    "a sum": Case(
        "(float[n, 1, 4, 4] x) => (float[n, 2, a, b] y)",
        """
            w = Constant<value = float[2, 1, 2, 2] {1, 2, 3, 4, 5, 6, 7, 8}>()
            c = Constant<value = float[2, 1, 1] {5, 6}>()
            u = Conv(x, w)
            y = Add(u, c)
        """,
        """
            w = Constant<value = float[2, 1, 2, 2] {1, 2, 3, 4, 5, 6, 7, 8}>()
            b = Constant<value = float[2] {5, 6}>()
            y = Conv(x, w, b)
        """,
    ),
    "a second sum": Case(
        "(float[n, 1, 4, 4] x) => (float[n, 2, a, b] y)",
        """
            w = Constant<value = float[2, 1, 2, 2] {1, 2, 3, 4, 5, 6, 7, 8}>()
            b = Constant<value = float[2] {1, 2}>()
            c = Constant<value = float[1, 2, 1, 1] {5, 6}>()
            u = Conv(x, w, b)
            y = Add(c, u)
        """,
        """
            w = Constant<value = float[2, 1, 2, 2] {1, 2, 3, 4, 5, 6, 7, 8}>()
            b = Constant<value = float[2] {6, 8}>()
            y = Conv(x, w, b)
        """,
    ),
    "a factor": Case(
        "(float[n, 1, 4, 4] x) => (float[n, 2, a, b] y)",
        """
            w = Constant<value = float[2, 1, 2, 2] {1, 2, 3, 4, 5, 6, 7, 8}>()
            c = Constant<value = float[2, 1, 1] {2, 3}>()
            u = Conv(x, w)
            y = Mul(u, c)
        """,
        """
            w = Constant<value = float[2, 1, 2, 2] {2, 4, 6, 8, 15, 18, 21, 24}>()
            y = Conv(x, w)
        """,
    ),
    "a bias of zeros": Case(
        "(float[n, 1, 4, 4] x) => (float[n, 2, a, b] y)",
        """
            w = Constant<value = float[2, 1, 2, 2] {1, 2, 3, 4, 5, 6, 7, 8}>()
            b = Constant<value = float[2] {0, 0}>()
            y = Conv(x, w, b)
        """,
        """
            w = Constant<value = float[2, 1, 2, 2] {1, 2, 3, 4, 5, 6, 7, 8}>()
            y = Conv(x, w)
        """,
    ),
}
REFUSED = {
    "a sum along columns": Case(
        "(float[n, 1, 3, 3] x) => (float[n, 2, a, b] y)",
        """
            w = Constant<value = float[2, 1, 2, 2] {1, 2, 3, 4, 5, 6, 7, 8}>()
            c = Constant<value = float[2] {5, 6}>()
            u = Conv(x, w)
            y = Add(u, c)
        """,
        """
            w = Constant<value = float[2, 1, 2, 2] {1, 2, 3, 4, 5, 6, 7, 8}>()
            b = Constant<value = float[2] {5, 6}>()
            y = Conv(x, w, b)
        """,
    ),
    "a sum that widens": Case(
        "(float[1, 1, 4, 4] x) => (float[m, 2, a, b] y)",
        """
            w = Constant<value = float[2, 1, 2, 2] {1, 2, 3, 4, 5, 6, 7, 8}>()
            c = Constant<value = float[2, 1, 1, 1] {5, 5}>()
            u = Conv(x, w)
            y = Add(u, c)
        """,
        """
            w = Constant<value = float[2, 1, 2, 2] {1, 2, 3, 4, 5, 6, 7, 8}>()
            b = Constant<value = float[2] {5, 5}>()
            y = Conv(x, w, b)
        """,
    ),
    "another number": Case(
        "(float[n, 1, 4, 4] x) => (float[n, 2, a, b] y)",
        """
            w = Constant<value = float[2, 1, 2, 2] {1, 2, 3, 4, 5, 6, 7, 8}>()
            c = Constant<value = float[2, 1, 1] {5, 6}>()
            u = Conv(x, w)
            y = Add(u, c)
        """,
        """
            w = Constant<value = float[2, 1, 2, 2] {1, 2, 3, 4, 5, 6, 7, 8}>()
            b = Constant<value = float[2] {5, 6.00001}>()
            y = Conv(x, w, b)
        """,
    ),
}


@pytest.mark.parametrize("case", PROVED.values(), ids=list(PROVED))
def test_proved(case: Case) -> None:
    check(case, "bias of a convolution", Kept.ROUNDED)


@pytest.mark.parametrize("case", REFUSED.values(), ids=list(REFUSED))
def test_refused(case: Case) -> None:
    refuse(case)
