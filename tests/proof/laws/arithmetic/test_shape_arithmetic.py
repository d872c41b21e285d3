"""The law of shape arithmetic."""

from __future__ import annotations

import pytest

from rewriter.verdict.laws import Kept
from tests.proof.laws.cases import Case, check, refuse

PROVED = {
    "a choice": Case(
        "(float[n, 1] x) => (float[n, 4] y)",
        """
            s = Shape(x)
            w = Constant<value_ints = [-1, 4]>()
            o = Constant<value_ints = [-1]>()
            e = Equal(w, o)
            t = Where(e, s, w)
            y = Expand(x, t)
        """,
        "w = Constant<value_ints = [1, 4]>() y = Expand(x, w)",
    ),
    "a product of sizes": Case(
        "(float[n, 4] x) => (int64[1] y)",
        """
            s = Shape(x)
            i = Constant<value_ints = [0]>()
            f = Constant<value_ints = [4]>()
            d = Gather(s, i)
            y = Mul(d, f)
        """,
        "s = Size(x) r = Constant<value_ints = [1]>() y = Reshape(s, r)",
    ),
    "a list of sizes": Case(
        "(float[n, m] x) => (int64[2] y)",
        "y = Shape(x)",
        """
            s = Shape(x)
            i = Constant<value_ints = [0]>()
            j = Constant<value_ints = [1]>()
            u = Gather(s, i)
            v = Gather(s, j)
            y = Concat<axis = 0>(u, v)
        """,
    ),
    "of a static shape": Case(
        "(float[3, 4] x) => (int64[2] y)",
        "y = Shape(x)",
        "y = Constant<value_ints = [3, 4]>()",
    ),
    "a part": Case(
        "(float[n, m, k] x) => (int64[1] y)",
        """
            s = Shape(x)
            a = Constant<value_ints = [1]>()
            b = Constant<value_ints = [2]>()
            y = Slice(s, a, b)
        """,
        "y = Shape<start = 1, end = -1>(x)",
    ),
    "in other orders": Case(
        "(float[n] x, float[m] z) => (int64[1] y)",
        """
            s = Shape(x)
            t = Shape(z)
            f = Constant<value_ints = [2]>()
            u = Add(s, t)
            y = Mul(u, f)
        """,
        """
            s = Shape(x)
            t = Shape(z)
            f = Constant<value_ints = [2]>()
            u = Mul(s, f)
            v = Mul(t, f)
            y = Add(u, v)
        """,
    ),
}
REFUSED = {
    "a choice that depends on a size": Case(
        "(float[n] x) => (int64[1] y)",
        """
            s = Shape(x)
            o = Constant<value_ints = [1]>()
            f = Constant<value_ints = [5]>()
            e = Equal(s, o)
            y = Where(e, s, f)
        """,
        "y = Constant<value_ints = [5]>()",
    ),
    "another size": Case(
        "(float[n, m] x) => (int64[1] y)",
        "y = Shape<start = 0, end = 1>(x)",
        "y = Shape<start = 1>(x)",
    ),
    "a quotient": Case(
        "(float[n] x) => (int64[1] y)",
        "s = Shape(x) f = Constant<value_ints = [2]>() u = Div(s, f) y = Mul(u, f)",
        "y = Shape(x)",
    ),
    "a size that is added": Case(
        "(float[n] x) => (int64[1] y)",
        "s = Shape(x) f = Constant<value_ints = [1]>() y = Add(s, f)",
        "y = Shape(x)",
    ),
}


@pytest.mark.parametrize("case", PROVED.values(), ids=list(PROVED))
def test_proved(case: Case) -> None:
    check(case, "shape arithmetic", Kept.BITS)


@pytest.mark.parametrize("case", REFUSED.values(), ids=list(REFUSED))
def test_refused(case: Case) -> None:
    refuse(case)
