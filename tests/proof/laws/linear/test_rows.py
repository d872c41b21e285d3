"""The law of rows."""

from __future__ import annotations

import pytest

from rewriter.verdict.laws import Kept
from tests.proof.laws.cases import Case, check, refuse

PROVED = {
    "of a batch": Case(
        "(float[n, k, 3] x) => (float[n, k, 2] y)",
        """
            w = Constant<value = float[3, 2] {1, 2, 3, 4, 5, 6}>()
            b = Constant<value = float[2] {7, 8}>()
            y = MatMul(x, w)
        """,
        """
            w = Constant<value = float[3, 2] {1, 2, 3, 4, 5, 6}>()
            b = Constant<value = float[2] {7, 8}>()
            s = Constant<value_ints = [-1, 3]>()
            u = Reshape(x, s)
            v = MatMul(u, w)
            s0 = Shape(x)
            i = Constant<value_ints = [0, 1]>()
            r = Constant<value_ints = [2]>()
            d = Gather(s0, i)
            t = Concat<axis = 0>(d, r)
            y = Reshape<allowzero = 1>(v, t)
        """,
    ),
}
REFUSED = {
    "columns": Case(
        "(float[3, 3, 3] x) => (float[3, 3, 2] y)",
        """
            w = Constant<value = float[3, 2] {1, 2, 3, 4, 5, 6}>()
            b = Constant<value = float[2] {7, 8}>()
            y = MatMul(x, w)
        """,
        """
            w = Constant<value = float[3, 2] {1, 2, 3, 4, 5, 6}>()
            b = Constant<value = float[2] {7, 8}>()
            u = Transpose<perm = [1, 0, 2]>(x)
            y = MatMul(u, w)
        """,
    ),
}


@pytest.mark.parametrize("case", PROVED.values(), ids=list(PROVED))
def test_proved(case: Case) -> None:
    check(case, "rows", Kept.ROUNDED)


@pytest.mark.parametrize("case", REFUSED.values(), ids=list(REFUSED))
def test_refused(case: Case) -> None:
    refuse(case)
