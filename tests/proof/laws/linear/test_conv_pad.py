"""The law of padded convolution."""

from __future__ import annotations

import pytest

from rewriter.verdict.laws import Kept
from tests.proof.laws.cases import Case, check, refuse

PROVED = {
    "around": Case(
        "(float[n, 1, 4, 4] x) => (float[n, 1, a, b] y)",
        """
            w = Constant<value = float[1, 1, 3, 3] {1, 2, 3, 4, 5, 6, 7, 8, 9}>()
            p = Constant<value_ints = [0, 0, 1, 2, 0, 0, 1, 2]>()
            u = Pad(x, p)
            y = Conv(u, w)
        """,
        """
            w = Constant<value = float[1, 1, 3, 3] {1, 2, 3, 4, 5, 6, 7, 8, 9}>()
            y = Conv<pads = [1, 2, 1, 2]>(x, w)
        """,
    ),
    "more": Case(
        "(float[n, 1, 4, 4] x) => (float[n, 1, a, b] y)",
        """
            w = Constant<value = float[1, 1, 3, 3] {1, 2, 3, 4, 5, 6, 7, 8, 9}>()
            p = Constant<value_ints = [0, 0, 1, 0, 0, 0, 0, 1]>()
            z = Constant<value_float = 0.0>()
            u = Pad(x, p, z)
            y = Conv<pads = [1, 1, 1, 1]>(u, w)
        """,
        """
            w = Constant<value = float[1, 1, 3, 3] {1, 2, 3, 4, 5, 6, 7, 8, 9}>()
            y = Conv<pads = [2, 1, 1, 2]>(x, w)
        """,
    ),
}
REFUSED = {
    "other sides": Case(
        "(float[n, 1, 4, 4] x) => (float[n, 1, a, b] y)",
        """
            w = Constant<value = float[1, 1, 3, 3] {1, 2, 3, 4, 5, 6, 7, 8, 9}>()
            p = Constant<value_ints = [0, 0, 1, 0, 0, 0, 0, 0]>()
            u = Pad(x, p)
            y = Conv(u, w)
        """,
        """
            w = Constant<value = float[1, 1, 3, 3] {1, 2, 3, 4, 5, 6, 7, 8, 9}>()
            y = Conv<pads = [0, 0, 1, 0]>(x, w)
        """,
    ),
    "another value": Case(
        "(float[n, 1, 4, 4] x) => (float[n, 1, a, b] y)",
        """
            w = Constant<value = float[1, 1, 3, 3] {1, 2, 3, 4, 5, 6, 7, 8, 9}>()
            p = Constant<value_ints = [0, 0, 1, 1, 0, 0, 1, 1]>()
            z = Constant<value_float = 1.0>()
            u = Pad(x, p, z)
            y = Conv(u, w)
        """,
        """
            w = Constant<value = float[1, 1, 3, 3] {1, 2, 3, 4, 5, 6, 7, 8, 9}>()
            y = Conv<pads = [1, 1, 1, 1]>(x, w)
        """,
    ),
    "the edge": Case(
        "(float[n, 1, 4, 4] x) => (float[n, 1, a, b] y)",
        """
            w = Constant<value = float[1, 1, 3, 3] {1, 2, 3, 4, 5, 6, 7, 8, 9}>()
            p = Constant<value_ints = [0, 0, 1, 1, 0, 0, 1, 1]>()
            u = Pad<mode = "edge">(x, p)
            y = Conv(u, w)
        """,
        """
            w = Constant<value = float[1, 1, 3, 3] {1, 2, 3, 4, 5, 6, 7, 8, 9}>()
            y = Conv<pads = [1, 1, 1, 1]>(x, w)
        """,
    ),
    "cut off": Case(
        "(float[n, 1, 4, 4] x) => (float[n, 1, a, b] y)",
        """
            w = Constant<value = float[1, 1, 3, 3] {1, 2, 3, 4, 5, 6, 7, 8, 9}>()
            p = Constant<value_ints = [0, 0, -1, 0, 0, 0, 0, 0]>()
            u = Pad(x, p)
            y = Conv<pads = [1, 0, 0, 0]>(u, w)
        """,
        """
            w = Constant<value = float[1, 1, 3, 3] {1, 2, 3, 4, 5, 6, 7, 8, 9}>()
            y = Conv(x, w)
        """,
    ),
}


@pytest.mark.parametrize("case", PROVED.values(), ids=list(PROVED))
def test_proved(case: Case) -> None:
    check(case, "padded convolution", Kept.ROUNDED)


@pytest.mark.parametrize("case", REFUSED.values(), ids=list(REFUSED))
def test_refused(case: Case) -> None:
    refuse(case)
