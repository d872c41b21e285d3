"""Rules and certainty of claims."""

from __future__ import annotations

import pytest

from rewriter.evidence.certainty import Certainty, PlacementRule, weakest
from rewriter.evidence.claims import USUAL, Claim, Source, earlier_rule
from rewriter.paths import ModulePath


def test_every_source_has_a_usual_rule() -> None:
    assert set(Source) == USUAL.keys()


@pytest.mark.parametrize("certainty", Certainty)
def test_every_certainty_has_a_rule(certainty: Certainty) -> None:
    assert certainty in {rule.certainty for rule in PlacementRule}


def test_a_claim_is_as_certain_as_its_rule() -> None:
    by_readers = Claim(0, ModulePath("a"), None, Source.DATAFLOW, None, "")
    assert (by_readers.by_rule, by_readers.certainty) == (PlacementRule.READERS, Certainty.GUESSED)
    assert by_readers._replace(rule=PlacementRule.WITHIN).certainty is Certainty.INFERRED


@pytest.mark.parametrize(
    ("certainty", "source", "expected"),
    [
        ("named", "dataflow", Certainty.NAMED),
        ("guessed", "scope_name", Certainty.GUESSED),
        ("inferred", "unheard of", Certainty.INFERRED),
        (None, "scope_name", Certainty.NAMED),
        (None, "dataflow", Certainty.GUESSED),
        ("sure", "parameter", Certainty.INFERRED),
        (None, "unheard of", Certainty.GUESSED),
    ],
)
def test_an_earlier_run_keeps_its_certainty(certainty: str | None, source: str, expected: Certainty) -> None:
    assert earlier_rule(certainty, source).certainty is expected


def test_weakest_of_none_is_named() -> None:
    assert weakest([]) is Certainty.NAMED
    assert weakest([Certainty.INFERRED, Certainty.GUESSED, Certainty.NAMED]) is Certainty.GUESSED
