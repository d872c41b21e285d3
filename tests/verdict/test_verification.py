"""What a verdict says, and when it is enough."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rewriter.proof.certificate import Certificate
from rewriter.verdict.numbers import Numeric
from rewriter.verdict.verification import Verdict, Verification

EQUAL = Certificate(True, 1)
UNPROVED = Certificate(False, 1, "other expressions")
MISMATCH = Certificate(False, 1, "other outputs", mismatch=True)
CLOSE = Numeric(runs=3, exact=False, within=True, max_abs=1e-9, rounding=True)
SAME = Numeric(runs=3, exact=True, max_abs=0.0)
PARTLY = replace(CLOSE, random=("y",))


@pytest.mark.parametrize(
    ("certificate", "numeric", "verdict", "accepted"),
    [
        (EQUAL, None, Verdict.EQUAL, True),
        (EQUAL, SAME, Verdict.EQUAL, True),
        (UNPROVED, SAME, Verdict.NOT_PROVED, False),
        (UNPROVED, CLOSE, Verdict.NOT_PROVED, True),
        (UNPROVED, PARTLY, Verdict.NOT_PROVED, False),
        (MISMATCH, CLOSE, Verdict.DIFFERENT, False),
        (EQUAL, Numeric(error="it crashed"), Verdict.NOT_PROVED, False),
    ],
)
def test_what_is_accepted(
    certificate: Certificate, numeric: Numeric | None, verdict: Verdict, accepted: bool
) -> None:
    found = Verification(certificate, numeric)
    assert (found.verdict, found.accepted) == (verdict, accepted)


@pytest.mark.parametrize("lost", [Numeric(skipped="no time"), Numeric(error="no time")])
def test_numbers_that_were_demanded_are_missed(lost: Numeric) -> None:
    assert Verification(EQUAL, lost, demanded=True).missing == "no time"
    assert Verification(EQUAL, SAME, lost, demanded=True).missing == "no time"
    assert Verification(EQUAL, lost).missing is None
    assert Verification(EQUAL, SAME, demanded=True).missing is None
    assert not Verification(EQUAL, lost, demanded=True).accepted
