"""A sample of `benchmarks.mutants`: mutants of functions, bodies and boundaries; harmless rewrites."""

from __future__ import annotations

from collections import Counter

import onnxruntime
import pytest

from benchmarks.mutants import judged
from rewriter.basics.releases import numbers_of
from rewriter.runtime.ort.overloads import READ_SINCE
from tests.processes import PATIENCE
from tests.proof.trials import KINDS, REWRITES, Trial

MUTANTS, HARMLESS, SUBJECTS = 4 * len(KINDS), 5 * len(REWRITES), 24

needs_overloads = pytest.mark.skipif(
    numbers_of(onnxruntime.__version__) < numbers_of(READ_SINCE),
    reason=f"most subjects call overloads, which onnxruntime reads from {READ_SINCE} on",
)


@pytest.fixture(scope="module")
def mutants() -> list[Trial]:
    return judged("mutant", range(MUTANTS), subjects=SUBJECTS, timeout=PATIENCE)


def test_no_mutant_that_differs_is_certified(mutants: list[Trial]) -> None:
    assert len(mutants) == MUTANTS
    assert [trial for trial in mutants if trial.outcome == "differs" and trial.certified] == []


@needs_overloads
def test_every_kind_runs_and_most_differ(mutants: list[Trial]) -> None:
    ran = Counter(trial.kind for trial in mutants if trial.outcome in ("differs", "same"))
    assert [kind for kind in KINDS if not ran[kind]] == []
    differing = Counter(trial.kind for trial in mutants if trial.outcome == "differs")
    assert differing.total() > 0.4 * MUTANTS
    assert [kind for kind in KINDS if not differing[kind] and kind not in RARE] == []


RARE = {"function_opset", "model_opset", "doubled_drawing", "sparse_values", "cast_type"}
"""Kinds of which few show in the numbers: five need not."""


@pytest.fixture(scope="module")
def harmless() -> list[Trial]:
    return judged("harmless", range(HARMLESS), subjects=SUBJECTS, timeout=PATIENCE)


def test_no_harmless_rewrite_is_refused(harmless: list[Trial]) -> None:
    assert len(harmless) == HARMLESS
    assert [trial for trial in harmless if not trial.certified or trial.outcome == "differs"] == []


@needs_overloads
def test_every_harmless_rewrite_runs(harmless: list[Trial]) -> None:
    ran = Counter(name for t in harmless if t.outcome == "same" for name in t.edit.split(" + "))
    assert [name for name in REWRITES if not ran[name]] == []
