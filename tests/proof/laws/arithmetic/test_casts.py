"""The law of casts."""

from __future__ import annotations

import pytest

from rewriter.verdict.laws import Kept
from tests.proof.laws.cases import Case, check, refuse

PROVED = {
    "to its own type": Case(
        "(float[n] x) => (float[n] y)",
        "u = Cast<to = 1>(x) y = Relu(u)",
        "y = Relu(x)",
    ),
    "there and back": Case(
        "(float[n] x) => (float[n] y)",
        "u = Cast<to = 11>(x) v = Cast<to = 1>(u) y = Relu(v)",
        "y = Relu(x)",
    ),
    "in two steps": Case(
        "(int8[n] x) => (int64[n] y)",
        "u = Cast<to = 6>(x) y = Cast<to = 7>(u)",
        "y = Cast<to = 7>(x)",
    ),
}
REFUSED = {
    "through a narrow type": Case(
        "(float[n] x) => (float[n] y)",
        "u = Cast<to = 10>(x) y = Cast<to = 1>(u)",
        "y = Identity(x)",
    ),
    "through integers": Case(
        "(float[n] x) => (float[n] y)",
        "u = Cast<to = 7>(x) y = Cast<to = 1>(u)",
        "y = Identity(x)",
    ),
    "of a sign": Case(
        "(int32[n] x) => (int64[n] y)",
        "u = Cast<to = 12>(x) y = Cast<to = 7>(u)",
        "y = Cast<to = 7>(x)",
    ),
    "integers through floats": Case(
        "(int64[n] x) => (int64[n] y)",
        "u = Cast<to = 11>(x) y = Cast<to = 7>(u)",
        "y = Identity(x)",
    ),
}


@pytest.mark.parametrize("case", PROVED.values(), ids=list(PROVED))
def test_proved(case: Case) -> None:
    check(case, "casts", Kept.BITS)


@pytest.mark.parametrize("case", REFUSED.values(), ids=list(REFUSED))
def test_refused(case: Case) -> None:
    refuse(case)
