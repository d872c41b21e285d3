"""The law of expands."""

from __future__ import annotations

import pytest

from rewriter.verdict.laws import Kept
from tests.proof.laws.cases import Case, check, refuse

PROVED = {
    "to the shape it has": Case(
        "(float[n, 4] x) => (float[n, 4] y)",
        "s = Constant<value_ints = [1, 4]>() u = Expand(x, s) y = Relu(u)",
        "y = Relu(x)",
    ),
    "two": Case(
        "(float[n, 1] x) => (float[3, n, 4] y)",
        """
            s = Constant<value_ints = [1, 4]>()
            t = Constant<value_ints = [3, 1, 4]>()
            u = Expand(x, s)
            y = Expand(u, t)
        """,
        "t = Constant<value_ints = [3, 1, 4]>() y = Expand(x, t)",
    ),
}
REFUSED = {
    "a size that may be 1": Case(
        "(float[n, 4] x) => (float[m, 4] y)",
        "s = Constant<value_ints = [3, 4]>() y = Expand(x, s)",
        "s = Constant<value_ints = [3, 1]>() u = Expand(x, s) y = Relu(u)",
    ),
    "by a symbol": Case(
        "(float[n, 4] x, float[m] z) => (float[a, 4] y)",
        """
            s = Shape(z)
            r = Constant<value_ints = [1]>()
            t = Concat<axis = 0>(s, r)
            y = Expand(x, t)
        """,
        "y = Identity(x)",
    ),
}


@pytest.mark.parametrize("case", PROVED.values(), ids=list(PROVED))
def test_proved(case: Case) -> None:
    check(case, "expands", Kept.BITS)


@pytest.mark.parametrize("case", REFUSED.values(), ids=list(REFUSED))
def test_refused(case: Case) -> None:
    refuse(case)
