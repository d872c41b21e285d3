"""The law of gemm."""

from __future__ import annotations

import pytest

from rewriter.verdict.laws import Kept
from tests.proof.laws.cases import Case, check, refuse

PROVED = {
    "product and sum": Case(
        "(float[m, 3] x) => (float[m, 2] y)",
        """
            w = Constant<value = float[3, 2] {1, 2, 3, 4, 5, 6}>()
            b = Constant<value = float[2] {7, 8}>()
            u = MatMul(x, w)
            y = Add(u, b)
        """,
        """
            w = Constant<value = float[3, 2] {1, 2, 3, 4, 5, 6}>()
            b = Constant<value = float[2] {7, 8}>()
            y = Gemm(x, w, b)
        """,
    ),
    "transposed": Case(
        "(float[m, 3] x) => (float[m, 2] y)",
        """
            w = Constant<value = float[3, 2] {1, 2, 3, 4, 5, 6}>()
            b = Constant<value = float[2] {7, 8}>()
            u = MatMul(x, w)
            y = Add(u, b)
        """,
        """
            w = Constant<value = float[2, 3] {1, 3, 5, 2, 4, 6}>()
            b = Constant<value = float[2] {7, 8}>()
            y = Gemm<transB = 1>(x, w, b)
        """,
    ),
    "without a bias": Case(
        "(float[m, 3] x) => (float[m, 2] y)",
        """
            w = Constant<value = float[3, 2] {1, 2, 3, 4, 5, 6}>()
            b = Constant<value = float[2] {7, 8}>()
            y = MatMul(x, w)
        """,
        """
            w = Constant<value = float[3, 2] {1, 2, 3, 4, 5, 6}>()
            b = Constant<value = float[2] {7, 8}>()
            y = Gemm<beta = 3.0>(x, w)
        """,
    ),
}
REFUSED = {
    "alpha": Case(
        "(float[m, 3] x) => (float[m, 2] y)",
        """
            w = Constant<value = float[3, 2] {1, 2, 3, 4, 5, 6}>()
            b = Constant<value = float[2] {7, 8}>()
            u = MatMul(x, w)
            y = Add(u, b)
        """,
        """
            w = Constant<value = float[3, 2] {1, 2, 3, 4, 5, 6}>()
            b = Constant<value = float[2] {7, 8}>()
            y = Gemm<alpha = 2.0>(x, w, b)
        """,
    ),
    "beta": Case(
        "(float[m, 3] x) => (float[m, 2] y)",
        """
            w = Constant<value = float[3, 2] {1, 2, 3, 4, 5, 6}>()
            b = Constant<value = float[2] {7, 8}>()
            u = MatMul(x, w)
            y = Add(u, b)
        """,
        """
            w = Constant<value = float[3, 2] {1, 2, 3, 4, 5, 6}>()
            b = Constant<value = float[2] {7, 8}>()
            y = Gemm<beta = 2.0>(x, w, b)
        """,
    ),
    "a square weight transposed": Case(
        "(float[m, 2] x) => (float[m, 2] y)",
        "w = Constant<value = float[2, 2] {1, 2, 3, 4}>() y = MatMul(x, w)",
        "w = Constant<value = float[2, 2] {1, 2, 3, 4}>() y = Gemm<transB = 1>(x, w)",
    ),
    "another bias": Case(
        "(float[m, 3] x) => (float[m, 2] y)",
        """
            w = Constant<value = float[3, 2] {1, 2, 3, 4, 5, 6}>()
            b = Constant<value = float[2] {7, 8}>()
            u = MatMul(x, w)
            y = Add(u, b)
        """,
        """
            w = Constant<value = float[3, 2] {1, 2, 3, 4, 5, 6}>()
            b = Constant<value = float[2] {7, 8.000001}>()
            y = Gemm(x, w, b)
        """,
    ),
}


@pytest.mark.parametrize("case", PROVED.values(), ids=list(PROVED))
def test_proved(case: Case) -> None:
    check(case, "gemm", Kept.ROUNDED)


@pytest.mark.parametrize("case", REFUSED.values(), ids=list(REFUSED))
def test_refused(case: Case) -> None:
    refuse(case)
