"""The law of transposes."""

from __future__ import annotations

import pytest

from rewriter.verdict.laws import Kept
from tests.proof.laws.cases import Case, check, refuse

PROVED = {
    "of axes that stay together": Case(
        "(float[6, 5] x) => (float[5, 2, 3] y)",
        """
            s = Constant<value_ints = [2, 3, 5]>()
            u = Reshape(x, s)
            y = Transpose<perm = [2, 0, 1]>(u)
        """,
        "s = Constant<value_ints = [5, 2, 3]>() u = Transpose(x) y = Reshape(u, s)",
    ),
    "two that undo each other": Case(
        "(float[n, 4, 6] x) => (float[n, 4, 6] y)",
        """
            u = Transpose<perm = [1, 2, 0]>(x)
            v = Transpose<perm = [2, 0, 1]>(u)
            y = Relu(v)
        """,
        "y = Relu(x)",
    ),
    "two that make a third": Case(
        "(float[n, 4, 6] x) => (float[6, n, 4] y)",
        "u = Transpose<perm = [0, 2, 1]>(x) y = Transpose<perm = [1, 0, 2]>(u)",
        "y = Transpose<perm = [2, 0, 1]>(x)",
    ),
    "an absent perm": Case(
        "(float[n, 4, 6] x) => (float[6, 4, n] y)",
        "y = Transpose(x)",
        "y = Transpose<perm = [2, 1, 0]>(x)",
    ),
    "around an axis of size 1": Case(
        "(float[n, 1, 4] x) => (float[1, n, 4] y)",
        "y = Transpose<perm = [1, 0, 2]>(x)",
        """
            s = Shape(x)
            i = Constant<value_ints = [1, 0, 2]>()
            t = Gather(s, i)
            y = Reshape<allowzero = 1>(x, t)
        """,
    ),
    "of joined axes": Case(
        "(float[2, 3, 4, 5] x) => (float[2, 3, 5, 4] y)",
        """
            s = Constant<value_ints = [6, 4, 5]>()
            t = Constant<value_ints = [2, 3, 5, 4]>()
            u = Reshape(x, s)
            v = Transpose<perm = [0, 2, 1]>(u)
            y = Reshape(v, t)
        """,
        "y = Transpose<perm = [0, 1, 3, 2]>(x)",
    ),
    "of a constant": Case(
        "(float[n, 2] x) => (float[n, 3] y)",
        """
            w = Constant<value = float[3, 2] {1, 2, 3, 4, 5, 6}>()
            t = Transpose(w)
            y = MatMul(x, t)
        """,
        "w = Constant<value = float[2, 3] {1, 3, 5, 2, 4, 6}>() y = MatMul(x, w)",
    ),
}
REFUSED = {
    "of axes that swap": Case(
        "(float[4, 5] x) => (float[5, 2, 2] y)",
        """
            s = Constant<value_ints = [2, 2, 5]>()
            u = Reshape(x, s)
            y = Transpose<perm = [2, 1, 0]>(u)
        """,
        "s = Constant<value_ints = [5, 2, 2]>() u = Transpose(x) y = Reshape(u, s)",
    ),
    "other perms": Case(
        "(float[n, n, n] x) => (float[n, n, n] y)",
        "y = Transpose<perm = [1, 2, 0]>(x)",
        "y = Transpose<perm = [2, 0, 1]>(x)",
    ),
    "a size that may be 1": Case(
        "(float[n, m] x) => (float[a, b] y)",
        "y = Transpose(x)",
        """
            s = Shape(x)
            i = Constant<value_ints = [1, 0]>()
            t = Gather(s, i)
            y = Reshape<allowzero = 1>(x, t)
        """,
    ),
    "joined axes in another order": Case(
        "(float[2, 3, 4, 5] x) => (float[a, b, c, d] y)",
        """
            s = Constant<value_ints = [6, 4, 5]>()
            t = Constant<value_ints = [2, 3, 5, 4]>()
            u = Reshape(x, s)
            v = Transpose<perm = [0, 2, 1]>(u)
            y = Reshape(v, t)
        """,
        "y = Transpose<perm = [1, 0, 3, 2]>(x)",
    ),
}


@pytest.mark.parametrize("case", PROVED.values(), ids=list(PROVED))
def test_proved(case: Case) -> None:
    check(case, "transposes", Kept.BITS)


@pytest.mark.parametrize("case", REFUSED.values(), ids=list(REFUSED))
def test_refused(case: Case) -> None:
    refuse(case)
