"""The law of scaled weights."""

from __future__ import annotations

import pytest

from rewriter.verdict.laws import Kept
from tests.proof.laws.cases import Case, check, refuse

PROVED = {
    "a product": Case(
        "(float[m, 3] x) => (float[m, 2] y)",
        """
            w = Constant<value = float[3, 2] {1, 2, 3, 4, 5, 6}>()
            b = Constant<value = float[2] {7, 8}>()
            c = Constant<value = float {0.5}>()
            u = MatMul(x, w)
            y = Mul(u, c)
        """,
        "w = Constant<value = float[3, 2] {0.5, 1, 1.5, 2, 2.5, 3}>() y = MatMul(x, w)",
    ),
    "a sum": Case(
        "(float[m, 3] x) => (float[m, 2] y)",
        """
            w = Constant<value = float[3, 2] {1, 2, 3, 4, 5, 6}>()
            b = Constant<value = float[2] {7, 8}>()
            c = Constant<value = float {0.5}>()
            u = MatMul(x, w)
            v = Add(u, b)
            y = Mul(v, c)
        """,
        """
            w = Constant<value = float[3, 2] {0.5, 1, 1.5, 2, 2.5, 3}>()
            b = Constant<value = float[2] {3.5, 4}>()
            u = MatMul(x, w)
            y = Add(u, b)
        """,
    ),
}
REFUSED = {
    "a weight 5 ulp off": Case(
        "(float[m, 3] x) => (float[m, 2] y)",
        """
            w = Constant<value = float[3, 2] {1, 2, 3, 4, 5, 6}>()
            b = Constant<value = float[2] {7, 8}>()
            c = Constant<value = float {0.5}>()
            u = MatMul(x, w)
            y = Mul(u, c)
        """,
        """
            w = Constant<value = float[3, 2] {0.5, 1, 1.5, 2, 2.5, 3.0000012}>()
            y = MatMul(x, w)
        """,
    ),
    "a bias that is not scaled": Case(
        "(float[m, 3] x) => (float[m, 2] y)",
        """
            w = Constant<value = float[3, 2] {1, 2, 3, 4, 5, 6}>()
            b = Constant<value = float[2] {7, 8}>()
            c = Constant<value = float {0.5}>()
            u = MatMul(x, w)
            v = Add(u, b)
            y = Mul(v, c)
        """,
        """
            w = Constant<value = float[3, 2] {0.5, 1, 1.5, 2, 2.5, 3}>()
            b = Constant<value = float[2] {7, 8}>()
            u = MatMul(x, w)
            y = Add(u, b)
        """,
    ),
}


@pytest.mark.parametrize("case", PROVED.values(), ids=list(PROVED))
def test_proved(case: Case) -> None:
    check(case, "scaled weights", Kept.ROUNDED)


@pytest.mark.parametrize("case", REFUSED.values(), ids=list(REFUSED))
def test_refused(case: Case) -> None:
    refuse(case)
