"""The law of transposed operands."""

from __future__ import annotations

import pytest

from rewriter.verdict.laws import Kept
from tests.proof.laws.cases import Case, check, refuse

PROVED = {
    "two": Case(
        "(float[n, 3, 4] x, float[n, 3, 4] z) => (float[4, n, 3] y)",
        """
            u = Transpose<perm = [2, 0, 1]>(x)
            v = Transpose<perm = [2, 0, 1]>(z)
            y = Sub(u, v)
        """,
        "u = Sub(x, z) y = Transpose<perm = [2, 0, 1]>(u)",
    ),
    "one and a scalar": Case(
        "(float[n, 3, 4] x, float z) => (float[4, n, 3] y)",
        "u = Transpose<perm = [2, 0, 1]>(x) y = Div(z, u)",
        "u = Div(z, x) y = Transpose<perm = [2, 0, 1]>(u)",
    ),
    "one alone": Case(
        "(float[n, 4] x) => (float[4, n] y)",
        "u = Transpose(x) y = Relu(u)",
        "u = Relu(x) y = Transpose(u)",
    ),
}
REFUSED = {
    "another perm": Case(
        "(float[4, 4, 4] x, float[4, 4, 4] z) => (float[4, 4, 4] y)",
        """
            u = Transpose<perm = [2, 0, 1]>(x)
            v = Transpose<perm = [1, 2, 0]>(z)
            y = Sub(u, v)
        """,
        "u = Sub(x, z) y = Transpose<perm = [2, 0, 1]>(u)",
    ),
    "a vector": Case(
        "(float[4, 4] x, float[4] z) => (float[4, 4] y)",
        "u = Transpose(x) y = Sub(u, z)",
        "u = Sub(x, z) y = Transpose(u)",
    ),
    "a function that is not exact": Case(
        "(float[n, 4] x) => (float[4, n] y)",
        "u = Transpose(x) y = Exp(u)",
        "u = Exp(x) y = Transpose(u)",
    ),
}


@pytest.mark.parametrize("case", PROVED.values(), ids=list(PROVED))
def test_proved(case: Case) -> None:
    check(case, "transposed operands", Kept.BITS)


@pytest.mark.parametrize("case", REFUSED.values(), ids=list(REFUSED))
def test_refused(case: Case) -> None:
    refuse(case)
