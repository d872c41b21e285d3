"""The law of dropout."""

from __future__ import annotations

import pytest

from rewriter.verdict.laws import Kept
from tests.proof.laws.cases import Case, check, refuse

PROVED = {
    "without training": Case(
        "(float[n, 4] x) => (float[n, 4] y)",
        "u = Dropout(x) y = Relu(u)",
        "y = Relu(x)",
    ),
    "with a ratio": Case(
        "(float[n, 4] x) => (float[n, 4] y)",
        "c = Constant<value = float {0.7}>() u = Dropout(x, c) y = Relu(u)",
        "y = Relu(x)",
    ),
}
REFUSED = {
    "in training": Case(
        "(float[n, 4] x) => (float[n, 4] y)",
        """
            c = Constant<value = float {0.7}>()
            t = Constant<value = bool {1}>()
            y = Dropout(x, c, t)
        """,
        "y = Identity(x)",
    ),
}


@pytest.mark.parametrize("case", PROVED.values(), ids=list(PROVED))
def test_proved(case: Case) -> None:
    check(case, "dropout", Kept.BITS)


@pytest.mark.parametrize("case", REFUSED.values(), ids=list(REFUSED))
def test_refused(case: Case) -> None:
    refuse(case)
