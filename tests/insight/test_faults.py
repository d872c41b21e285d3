"""A fault in one module is named as the place where two models part; `benchmarks.faults` has 200 of them."""

from __future__ import annotations

from collections import Counter

import pytest

from benchmarks.faults import case_of, exports, partner
from benchmarks.faulty import KINDS

SEEDS = range(12)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_module_with_the_fault_is_named(seed: int) -> None:
    case = case_of(seed, exports("bert/") + exports("gpt2/") + exports("resnet/"), Counter())
    assert case.right, case


def test_all_kinds_of_faults_are_drawn_and_both_exporters() -> None:
    paths = exports("")
    assert {path.stem for path in paths} == {"ts", "ts_dyn", "dy", "dy_dyn"}
    assert len(KINDS) == 4
    assert partner(exports("bert/ts_dyn")[0]) == exports("bert/dy_dyn")[0]
