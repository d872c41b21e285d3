"""The law of elementwise."""

from __future__ import annotations

import pytest

from rewriter.verdict.laws import Kept
from tests.proof.laws.cases import Case, check, refuse

PROVED = {
    "one input": Case(
        "(float[n, 4] x) => (float[m] y)",
        "s = Constant<value_ints = [-1]>() u = Reshape(x, s) y = Tanh(u)",
        "s = Constant<value_ints = [-1]>() u = Tanh(x) y = Reshape(u, s)",
    ),
    "two inputs": Case(
        "(float[n, 4] x, float[n, 4] z) => (float[m] y)",
        """
            s = Constant<value_ints = [-1]>()
            u = Reshape(x, s)
            v = Reshape(z, s)
            y = Mul(u, v)
        """,
        "s = Constant<value_ints = [-1]>() u = Mul(x, z) y = Reshape(u, s)",
    ),
    "along the last axis": Case(
        "(float[n, 2, 4] x, float[4] z) => (float[m, 4] y)",
        "s = Constant<value_ints = [-1, 4]>() u = Reshape(x, s) y = Add(u, z)",
        "s = Constant<value_ints = [-1, 4]>() u = Add(x, z) y = Reshape(u, s)",
    ),
}
REFUSED = {
    "a softmax is not elementwise": Case(
        "(float[n, 2, 4] x) => (float[m, 8] y)",
        "s = Constant<value_ints = [-1, 8]>() u = Reshape(x, s) y = Softmax(u)",
        "s = Constant<value_ints = [-1, 8]>() u = Softmax(x) y = Reshape(u, s)",
    ),
    "along an axis that is not shared": Case(
        "(float[4, 4] x, float[4] z) => (float[4, 4] y)",
        "u = Transpose(x) v = Add(u, z) y = Transpose(v)",
        "y = Add(x, z)",
    ),
    "bounds that are no scalars": Case(
        "(float[n, 4] x, float[m] z) => (float[m] y)",
        "s = Constant<value_ints = [-1]>() u = Reshape(x, s) y = PRelu(u, z)",
        "s = Constant<value_ints = [-1]>() u = PRelu(x, z) y = Reshape(u, s)",
    ),
}


@pytest.mark.parametrize("case", PROVED.values(), ids=list(PROVED))
def test_proved(case: Case) -> None:
    check(case, "elementwise", Kept.BITS)


@pytest.mark.parametrize("case", REFUSED.values(), ids=list(REFUSED))
def test_refused(case: Case) -> None:
    refuse(case)
