"""Proves two models equal by laws: evaluates constants in a child until no more are wanted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path

from onnx import ModelProto

from rewriter.basics.literals import LawWord
from rewriter.proof.laws.book import BITS, ROUNDING
from rewriter.proof.laws.comparison import Attempt, ComparedModels, NotCompared, compared
from rewriter.proof.laws.law import Law
from rewriter.proof.laws.terms import closed
from rewriter.proof.laws.terms.constants import Content, Evaluations
from rewriter.runtime.infer.constants import evaluate

Evaluate = Callable[..., Mapping[str, Evaluations]]
_MOST_ROUNDS = 8
"""Maximum number of evaluations; each may make more nodes closed."""


class Kept(StrEnum):
    """Strength of a proof by laws."""

    BITS = "bits"
    """Outputs are equal bit for bit."""
    ROUNDED = "up to rounding"
    """Outputs are equal for real numbers, and floats differ by rounding."""
    NOTHING = "nothing"
    """Some output is not proved equal."""


@dataclass(frozen=True, slots=True)
class LawProof:
    """Result of comparing two models by laws.

    Attributes:
        kept: what is proved.
        laws: names of the laws that were used, sorted.
        bounds: name of each of these that rounds -> the bound of one use.
        unproved: for `NOTHING`, the positions of the nodes at which the proof is open, in the main graph of
            the first model.
        tried: the laws that were tried.
        reason: the reason why laws were not tried; None if they were.
    """

    kept: Kept
    laws: tuple[str, ...] = ()
    bounds: tuple[tuple[str, str], ...] = ()
    unproved: tuple[int, ...] = ()
    tried: LawWord = "bits"
    reason: str | None = None


def prove_by_laws(
    before: ModelProto,
    after: ModelProto,
    folders: Sequence[Path | None],
    *,
    laws: LawWord,
    timeout: float,
    evaluate: Evaluate = evaluate,
) -> LawProof:
    """Compare two models by laws that keep bits and then, if asked for, by all laws.

    Args:
        before: the first model.
        after: the second.
        folders: the folder of each model's external data.
        laws: the laws to try, `bits` or `rounding`.
        timeout: seconds for each evaluation of constants.
        evaluate: function that evaluates the outputs of a model without inputs.
    """
    comparison = compared(before, after, folders)
    if isinstance(comparison, NotCompared):
        return LawProof(Kept.NOTHING, reason=comparison.reason)
    evaluated: dict[Content, Evaluations] = {}
    values = partial(evaluate, timeout=timeout)
    try:
        return _proof(comparison, laws, evaluated, values)
    except RecursionError:
        return LawProof(Kept.NOTHING, reason="expressions nest too deep for laws")


def _proof(
    comparison: ComparedModels,
    laws: LawWord,
    evaluated: dict[Content, Evaluations],
    values: Callable[[ModelProto], Mapping[str, Evaluations]],
) -> LawProof:
    attempt = _settled(comparison, BITS, evaluated, values)
    if attempt.equal:
        return LawProof(Kept.BITS, tuple(sorted(attempt.used)))
    if laws == "rounding":
        attempt = _settled(comparison, ROUNDING, evaluated, values)
        if attempt.equal:
            bounds = {law.name: law.rounds for law in ROUNDING if law.name in attempt.used and law.rounds}
            return LawProof(Kept.ROUNDED, tuple(sorted(attempt.used)), tuple(sorted(bounds.items())))
    return LawProof(Kept.NOTHING, unproved=attempt.unproved, tried=laws)


def _settled(
    models: ComparedModels,
    laws: Sequence[Law],
    evaluated: dict[Content, Evaluations],
    evaluate: Callable[[ModelProto], Mapping[str, Evaluations]],
) -> Attempt:
    """Return the normal forms with the values of all closed nodes, which are added to `evaluated`."""
    for _ in range(_MOST_ROUNDS):
        attempt = models.attempt(laws, evaluated)
        if attempt.equal:
            break
        values: dict[str, Evaluations] = {}
        for model in models.wanted(attempt):
            values |= evaluate(model)
        found = closed.by_content(attempt.terms, values)
        if found.keys() <= evaluated.keys():
            break
        evaluated.update(found)
    return attempt
