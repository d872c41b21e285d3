"""The law of folded batch norm."""

from __future__ import annotations

import pytest

from rewriter.verdict.laws import Kept
from tests.proof.laws.cases import Case, check, refuse

PROVED = {
    "without a bias": Case(
        "(float[n, 1, 4, 4] x) => (float[n, 2, a, b] y)",
        """
            w = Constant<value = float[2, 1, 2, 2] {1, 2, 3, 4, 5, 6, 7, 8}>()
            s = Constant<value = float[2] {2, 3}>()
            o = Constant<value = float[2] {1, -1}>()
            m = Constant<value = float[2] {1, 2}>()
            v = Constant<value = float[2] {4, 9}>()
            u = Conv(x, w)
            y = BatchNormalization<epsilon = 0.0>(u, s, o, m, v)
        """,
        """
            w = Constant<value = float[2, 1, 2, 2] {1, 2, 3, 4, 5, 6, 7, 8}>()
            b = Constant<value = float[2] {0, -3}>()
            y = Conv(x, w, b)
        """,
    ),
    "with a bias": Case(
        "(float[n, 1, 4, 4] x) => (float[n, 2, a, b] y)",
        """
            w = Constant<value = float[2, 1, 2, 2] {1, 2, 3, 4, 5, 6, 7, 8}>()
            b = Constant<value = float[2] {3, 4}>()
            s = Constant<value = float[2] {2, 3}>()
            o = Constant<value = float[2] {1, -1}>()
            m = Constant<value = float[2] {1, 2}>()
            v = Constant<value = float[2] {4, 9}>()
            u = Conv(x, w, b)
            y = BatchNormalization<epsilon = 0.0>(u, s, o, m, v)
        """,
        """
            w = Constant<value = float[2, 1, 2, 2] {1, 2, 3, 4, 5, 6, 7, 8}>()
            b = Constant<value = float[2] {3, 1}>()
            y = Conv(x, w, b)
        """,
    ),
}
REFUSED = {
    "a weight 20 u off": Case(
        "(float[n, 1, 4, 4] x) => (float[n, 2, a, b] y)",
        """
            w = Constant<value = float[2, 1, 2, 2] {1, 2, 3, 4, 5, 6, 7, 8}>()
            s = Constant<value = float[2] {2, 3}>()
            o = Constant<value = float[2] {1, -1}>()
            m = Constant<value = float[2] {1, 2}>()
            v = Constant<value = float[2] {4, 9}>()
            u = Conv(x, w)
            y = BatchNormalization<epsilon = 0.0>(u, s, o, m, v)
        """,
        """
            w = Constant<value = float[2, 1, 2, 2] {1, 2, 3, 4, 5, 6, 7, 8.00001}>()
            b = Constant<value = float[2] {0, -3}>()
            y = Conv(x, w, b)
        """,
    ),
    "another bias": Case(
        "(float[n, 1, 4, 4] x) => (float[n, 2, a, b] y)",
        """
            w = Constant<value = float[2, 1, 2, 2] {1, 2, 3, 4, 5, 6, 7, 8}>()
            s = Constant<value = float[2] {2, 3}>()
            o = Constant<value = float[2] {1, -1}>()
            m = Constant<value = float[2] {1, 2}>()
            v = Constant<value = float[2] {4, 9}>()
            u = Conv(x, w)
            y = BatchNormalization<epsilon = 0.0>(u, s, o, m, v)
        """,
        """
            w = Constant<value = float[2, 1, 2, 2] {1, 2, 3, 4, 5, 6, 7, 8}>()
            b = Constant<value = float[2] {0, -3.00001}>()
            y = Conv(x, w, b)
        """,
    ),
    "scales of the wrong channels": Case(
        "(float[n, 1, 4, 4] x) => (float[n, 2, a, b] y)",
        """
            w = Constant<value = float[2, 1, 2, 2] {1, 2, 3, 4, 5, 6, 7, 8}>()
            s = Constant<value = float[2] {2, 6}>()
            o = Constant<value = float[2] {1, -1}>()
            m = Constant<value = float[2] {1, 2}>()
            v = Constant<value = float[2] {4, 9}>()
            u = Conv(x, w)
            y = BatchNormalization<epsilon = 0.0>(u, s, o, m, v)
        """,
        """
            w = Constant<value = float[2, 1, 2, 2] {2, 4, 6, 8, 5, 6, 7, 8}>()
            b = Constant<value = float[2] {0, -3}>()
            y = Conv(x, w, b)
        """,
    ),
    "a norm that is an input": Case(
        "(float[n, 1, 4, 4] x, float[2] s) => (float[n, 2, a, b] y)",
        """
            w = Constant<value = float[2, 1, 2, 2] {1, 2, 3, 4, 5, 6, 7, 8}>()
            o = Constant<value = float[2] {0, 0}>()
            m = Constant<value = float[2] {0, 0}>()
            v = Constant<value = float[2] {1, 1}>()
            u = Conv(x, w)
            y = BatchNormalization<epsilon = 0.0>(u, s, o, m, v)
        """,
        """
            w = Constant<value = float[2, 1, 2, 2] {1, 2, 3, 4, 5, 6, 7, 8}>()
            y = Conv(x, w)
        """,
    ),
}


@pytest.mark.parametrize("case", PROVED.values(), ids=list(PROVED))
def test_proved(case: Case) -> None:
    check(case, "folded batch norm", Kept.ROUNDED)


@pytest.mark.parametrize("case", REFUSED.values(), ids=list(REFUSED))
def test_refused(case: Case) -> None:
    refuse(case)
