"""The law of views."""

from __future__ import annotations

import pytest

from rewriter.verdict.laws import Kept
from tests.proof.laws.cases import Case, check, refuse

PROVED = {
    "two reshapes": Case(
        "(float[n, 4, 6] x) => (float[n, 24] y)",
        """
            s = Constant<value_ints = [0, 2, 12]>()
            t = Constant<value_ints = [0, 24]>()
            u = Reshape(x, s)
            y = Reshape(u, t)
        """,
        "t = Constant<value_ints = [0, -1]>() y = Reshape(x, t)",
    ),
    "to the shape it has": Case(
        "(float[n, 4] x) => (float[n, 4] y)",
        "s = Constant<value_ints = [-1, 4]>() u = Reshape(x, s) y = Relu(u)",
        "y = Relu(x)",
    ),
    "squeeze of unsqueeze": Case(
        "(float[n, 4] x) => (float[n, 4] y)",
        """
            a = Constant<value_ints = [1]>()
            u = Unsqueeze(x, a)
            v = Squeeze(u, a)
            y = Relu(v)
        """,
        "y = Relu(x)",
    ),
    "flatten": Case(
        "(float[n, 4, 6] x) => (float[n, 24] y)",
        "y = Flatten(x)",
        "t = Constant<value_ints = [0, 24]>() y = Reshape(x, t)",
    ),
    "of a scalar": Case(
        "(float x) => (float[1] y)",
        "t = Constant<value_ints = [1]>() y = Reshape(x, t)",
        "a = Constant<value_ints = [0]>() y = Unsqueeze(x, a)",
    ),
    "by a shape that is computed": Case(
        "(float[n, 4, 6] x) => (float[n, 24] y)",
        """
            s = Shape(x)
            i = Constant<value_ints = [0]>()
            r = Constant<value_ints = [24]>()
            d = Gather(s, i)
            t = Concat<axis = 0>(d, r)
            y = Reshape(x, t)
        """,
        "y = Flatten(x)",
    ),
}
REFUSED = {
    "another order of sizes": Case(
        "(float[n, 4, 6] x) => (float[a, b, c] y)",
        "s = Constant<value_ints = [0, 2, 12]>() y = Reshape(x, s)",
        "s = Constant<value_ints = [0, 12, 2]>() y = Reshape(x, s)",
    ),
    "an entry that may be 0 and then copies": Case(
        "(float[n, m] x) => (float[a, b] y)",
        """
            s = Shape(x)
            i = Constant<value_ints = [1, 0]>()
            t = Gather(s, i)
            y = Reshape(x, t)
        """,
        """
            s = Shape(x)
            i = Constant<value_ints = [1]>()
            r = Constant<value_ints = [-1]>()
            d = Gather(s, i)
            t = Concat<axis = 0>(r, d)
            u = Reshape(x, t)
            y = Transpose<perm = [0, 1]>(u)
        """,
    ),
    "squeeze of an axis that may not be 1": Case(
        "(float[n, m] x) => (float[a, b] y)",
        "a = Constant<value_ints = [0]>() u = Squeeze(x, a) y = Unsqueeze(u, a)",
        "y = Identity(x)",
    ),
    "a transpose is no view": Case(
        "(float[n, 4] x) => (float[4, n] y)",
        "y = Transpose(x)",
        """
            s = Shape(x)
            i = Constant<value_ints = [1, 0]>()
            t = Gather(s, i)
            y = Reshape<allowzero = 1>(x, t)
        """,
    ),
}


@pytest.mark.parametrize("case", PROVED.values(), ids=list(PROVED))
def test_proved(case: Case) -> None:
    check(case, "views", Kept.BITS)


@pytest.mark.parametrize("case", REFUSED.values(), ids=list(REFUSED))
def test_refused(case: Case) -> None:
    refuse(case)
