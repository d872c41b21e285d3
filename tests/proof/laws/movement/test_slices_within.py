"""The law of slices within."""

from __future__ import annotations

import pytest

from rewriter.verdict.laws import Kept
from tests.proof.laws.cases import Case, check, refuse

PROVED = {
    "of a transpose": Case(
        "(float[n, 3, 8] x) => (float[8, n, 2] y)",
        """
            s = Constant<value_ints = [0]>()
            e = Constant<value_ints = [2]>()
            a = Constant<value_ints = [2]>()
            u = Transpose<perm = [2, 0, 1]>(x)
            y = Slice(u, s, e, a)
        """,
        """
            s = Constant<value_ints = [0]>()
            e = Constant<value_ints = [2]>()
            a = Constant<value_ints = [1]>()
            u = Slice(x, s, e, a)
            y = Transpose<perm = [2, 0, 1]>(u)
        """,
    ),
    "of a sum": Case(
        "(float[n, 8] x, float[8] z) => (float[n, 3] y)",
        """
            s = Constant<value_ints = [1]>()
            e = Constant<value_ints = [4]>()
            a = Constant<value_ints = [1]>()
            b = Constant<value_ints = [0]>()
            u = Add(x, z)
            y = Slice(u, s, e, a)
        """,
        """
            s = Constant<value_ints = [1]>()
            e = Constant<value_ints = [4]>()
            a = Constant<value_ints = [1]>()
            b = Constant<value_ints = [0]>()
            u = Slice(x, s, e, a)
            v = Slice(z, s, e, b)
            y = Add(u, v)
        """,
    ),
    "of a product with one column": Case(
        "(float[n, 8] x, float[n, 1] z) => (float[n, 3] y)",
        """
            s = Constant<value_ints = [1]>()
            e = Constant<value_ints = [4]>()
            a = Constant<value_ints = [1]>()
            u = Mul(x, z)
            y = Slice(u, s, e, a)
        """,
        """
            s = Constant<value_ints = [1]>()
            e = Constant<value_ints = [4]>()
            a = Constant<value_ints = [1]>()
            u = Slice(x, s, e, a)
            y = Mul(u, z)
        """,
    ),
}
REFUSED = {
    "of one input only": Case(
        "(float[n, 8] x, float[8] z) => (float[n, m] y)",
        """
            s = Constant<value_ints = [1]>()
            e = Constant<value_ints = [4]>()
            a = Constant<value_ints = [1]>()
            b = Constant<value_ints = [0]>()
            u = Add(x, z)
            y = Slice(u, s, e, a)
        """,
        """
            s = Constant<value_ints = [1]>()
            e = Constant<value_ints = [4]>()
            a = Constant<value_ints = [1]>()
            b = Constant<value_ints = [0]>()
            t = Constant<value_ints = [2]>()
            f = Constant<value_ints = [5]>()
            u = Slice(x, s, e, a)
            v = Slice(z, t, f, b)
            y = Add(u, v)
        """,
    ),
}


@pytest.mark.parametrize("case", PROVED.values(), ids=list(PROVED))
def test_proved(case: Case) -> None:
    check(case, "slices within", Kept.BITS)


@pytest.mark.parametrize("case", REFUSED.values(), ids=list(REFUSED))
def test_refused(case: Case) -> None:
    refuse(case)
