"""The law of slices."""

from __future__ import annotations

import pytest

from rewriter.verdict.laws import Kept
from tests.proof.laws.cases import Case, check, refuse

PROVED = {
    "of the whole axis": Case(
        "(float[n, 4] x) => (float[n, 4] y)",
        """
            s = Constant<value_ints = [0]>()
            e = Constant<value_ints = [9223372036854775807]>()
            a = Constant<value_ints = [0]>()
            u = Slice(x, s, e, a)
            y = Relu(u)
        """,
        "y = Relu(x)",
    ),
    "negative bounds": Case(
        "(float[n, 8] x) => (float[n, 3] y)",
        """
            s = Constant<value_ints = [-4]>()
            e = Constant<value_ints = [-1]>()
            a = Constant<value_ints = [-1]>()
            y = Slice(x, s, e, a)
        """,
        """
            s = Constant<value_ints = [4]>()
            e = Constant<value_ints = [7]>()
            a = Constant<value_ints = [1]>()
            y = Slice(x, s, e, a)
        """,
    ),
    "axes in another order": Case(
        "(float[5, 8] x) => (float[2, 3] y)",
        """
            s = Constant<value_ints = [1, 2]>()
            e = Constant<value_ints = [3, 5]>()
            a = Constant<value_ints = [0, 1]>()
            y = Slice(x, s, e, a)
        """,
        """
            s = Constant<value_ints = [2, 1]>()
            e = Constant<value_ints = [5, 3]>()
            a = Constant<value_ints = [1, 0]>()
            y = Slice(x, s, e, a)
        """,
    ),
    "with a step": Case(
        "(float[n, 8] x) => (float[n, 2] y)",
        """
            s = Constant<value_ints = [1]>()
            e = Constant<value_ints = [6]>()
            a = Constant<value_ints = [1]>()
            t = Constant<value_ints = [3]>()
            y = Slice(x, s, e, a, t)
        """,
        """
            s = Constant<value_ints = [1]>()
            e = Constant<value_ints = [5]>()
            a = Constant<value_ints = [1]>()
            t = Constant<value_ints = [3]>()
            y = Slice(x, s, e, a, t)
        """,
    ),
}
REFUSED = {
    "of an axis whose size is open": Case(
        "(float[n, 8] x) => (float[m, 8] y)",
        """
            s = Constant<value_ints = [0]>()
            e = Constant<value_ints = [5]>()
            a = Constant<value_ints = [0]>()
            y = Slice(x, s, e, a)
        """,
        """
            s = Constant<value_ints = [0]>()
            e = Constant<value_ints = [6]>()
            a = Constant<value_ints = [0]>()
            y = Slice(x, s, e, a)
        """,
    ),
    "another start": Case(
        "(float[n, 8] x) => (float[n, m] y)",
        """
            s = Constant<value_ints = [1]>()
            e = Constant<value_ints = [4]>()
            a = Constant<value_ints = [1]>()
            y = Slice(x, s, e, a)
        """,
        """
            s = Constant<value_ints = [2]>()
            e = Constant<value_ints = [5]>()
            a = Constant<value_ints = [1]>()
            y = Slice(x, s, e, a)
        """,
    ),
    "backwards": Case(
        "(float[n, 8] x) => (float[n, m] y)",
        """
            s = Constant<value_ints = [7]>()
            e = Constant<value_ints = [-9]>()
            a = Constant<value_ints = [1]>()
            t = Constant<value_ints = [-1]>()
            y = Slice(x, s, e, a, t)
        """,
        "y = Identity(x)",
    ),
}


@pytest.mark.parametrize("case", PROVED.values(), ids=list(PROVED))
def test_proved(case: Case) -> None:
    check(case, "slices", Kept.BITS)


@pytest.mark.parametrize("case", REFUSED.values(), ids=list(REFUSED))
def test_refused(case: Case) -> None:
    refuse(case)
