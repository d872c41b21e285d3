"""A sample of the mutants of `benchmarks.law_mutants`: no pair that differs is called equal."""

from __future__ import annotations

from benchmarks.law_mutants import judged

SAMPLE = range(1_000_000, 1_000_260)


def test_no_mutant_that_differs_is_called_equal() -> None:
    results = judged(SAMPLE, None)
    assert [each for each in results if each.is_wrong or each.kept.startswith("fault")] == []
    kinds = {(each.kept, each.outcome) for each in results}
    assert {("bits", "same"), ("nothing", "not needed"), ("up to rounding", "near")} <= kinds
