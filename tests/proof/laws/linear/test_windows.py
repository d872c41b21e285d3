"""The law of windows."""

from __future__ import annotations

import pytest

from rewriter.verdict.laws import Kept
from tests.proof.laws.cases import Case, check, refuse

PROVED = {
    "written out": Case(
        "(float[n, 2, 5, 5] x, float[3, 2, 3, 3] w) => (float[n, 3, a, b] y)",
        "y = Conv(x, w)",
        """
            y = Conv<kernel_shape = [3, 3], strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1]>(x, w)
        """,
    ),
}
REFUSED = {
    "another stride": Case(
        "(float[n, 2, 5, 5] x, float[3, 2, 3, 3] w) => (float[n, 3, a, b] y)",
        "y = Conv(x, w)",
        "y = Conv<strides = [2, 2]>(x, w)",
    ),
    "another pad": Case(
        "(float[n, 2, 5, 5] x, float[3, 2, 3, 3] w) => (float[n, 3, a, b] y)",
        "y = Conv(x, w)",
        "y = Conv<pads = [1, 1, 1, 1]>(x, w)",
    ),
    "automatic pads": Case(
        "(float[n, 2, 5, 5] x, float[3, 2, 3, 3] w) => (float[n, 3, a, b] y)",
        "y = Conv(x, w)",
        'y = Conv<auto_pad = "SAME_UPPER">(x, w)',
    ),
}


@pytest.mark.parametrize("case", PROVED.values(), ids=list(PROVED))
def test_proved(case: Case) -> None:
    check(case, "windows", Kept.BITS)


@pytest.mark.parametrize("case", REFUSED.values(), ids=list(REFUSED))
def test_refused(case: Case) -> None:
    refuse(case)
