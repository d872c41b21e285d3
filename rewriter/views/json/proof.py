"""The outcome of a proof as JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, Literal, NotRequired, TypedDict

from rewriter.proof.certificate import Certificate
from rewriter.runtime.compare.difference import Tolerance
from rewriter.verdict.numbers import Numeric
from rewriter.verdict.phrases import reason_of
from rewriter.verdict.verification import Verdict, Verification
from rewriter.views.escape import as_text
from rewriter.views.json.types import Amount, Count

VERIFY: Final = "rewriter.verify/2"


class CertificateJson(TypedDict):
    """The symbolic proof.

    Attributes:
        equal: Whether every output bears the same symbolic expression in both models, or identical.
        identical: Whether all that a runtime executes is the same, byte for byte.
        outputs: Outputs compared.
        interface: Whether the difference is one of inputs or outputs: their number, names, types or
            defaults.
        difference: The first difference, or why nothing can be proved; null where equal.
    """

    equal: bool
    identical: bool
    outputs: Count
    interface: bool
    difference: str | None


class ToleranceJson(TypedDict):
    """How far outputs may be apart.

    Attributes:
        largest: |a-b| <= largest * max|a|.
        rtol: |a-b| <= atol + rtol * |a| at every element.
        atol: See rtol.
    """

    largest: NotRequired[Amount]
    rtol: NotRequired[Amount]
    atol: NotRequired[Amount]


class WorstJson(TypedDict):
    """The place of the largest relative difference.

    Attributes:
        output: The output of the first model.
        where: The input set, and the element.
        abs: The absolute difference there; null where no number tells it.
        rel: Relative to the largest finite value of the output in the first model; null where that is 0,
            or no number tells it.
    """

    output: str
    where: str
    abs: Amount | None
    rel: Amount | None


class NumericJson(TypedDict):
    """What onnxruntime computed with both models.

    Attributes:
        runs: Input sets that both models ran on; 0 where no numbers were taken.
        exact: Whether all outputs are the same bit for bit; null where no numbers were taken.
        max_abs: Largest absolute difference. Null where no numbers were taken, and where no finite number
            tells the difference (infinity, NaN, another shape or type): then exact is false.
        max_rel: Largest difference relative to the largest finite value of its output in the first model;
            null like max_abs, and where that value is 0.
        rounding: Whether all that differs are floats, by no more than 1e-4 of the largest value, so that
            rounding is possible; null where no numbers were taken.
        tolerance: How far outputs may be apart; null for not at all.
        within: Whether all is within the tolerance; null where there is none, or no numbers.
        worst: The place of the largest relative difference; null where nothing differs.
        skipped: Why no numbers were taken; null where they were, or where the second model gave none.
        error: Why the second model gave no results where the first did.
        identical: Whether nothing was run because all that onnxruntime would execute is the same in both
            models, byte for byte; metadata, doc strings and names of nodes aside.
    """

    runs: Count
    exact: bool | None
    max_abs: Amount | None
    max_rel: Amount | None
    rounding: bool | None
    tolerance: ToleranceJson | None
    within: bool | None
    worst: WorstJson | None
    skipped: str | None
    error: str | None
    identical: bool


class VerificationJson(TypedDict):
    """The verdict, the symbolic proof and the numbers.

    Attributes:
        verdict: equal: proved. different: an input shows other results than rounding explains, or the
            models take or give other things. Not proved: neither.
        reason: Why the verdict is not equal, or which numbers are missing; null otherwise.
        accepted: Whether the exit code is 0: equal, or within the tolerance that was given.
        notes: How the two were compared, where that is not plain.
        optimised: The same with all of onnxruntime's optimisations, which may fuse the models
            differently; null where not asked for.
    """

    verdict: Verdict
    reason: str | None
    accepted: bool
    notes: Sequence[str]
    certificate: CertificateJson
    numeric: NumericJson
    optimised: NumericJson | None


class VerifyJson(TypedDict):
    """Comparison of two ONNX models.

    Printed by `rewriter verify --json`.
    """

    schema: Literal["rewriter.verify/2"]
    verification: VerificationJson


def verify_json(verification: Verification) -> VerifyJson:
    """The outcome of comparing two models."""
    return {"schema": VERIFY, "verification": verification_json(verification)}


def verification_json(verification: Verification) -> VerificationJson:
    """The verdict, and what it rests on."""
    equal = verification.verdict is Verdict.EQUAL
    return {
        "verdict": verification.verdict,
        "reason": None if equal and verification.missing is None else as_text(reason_of(verification)),
        "accepted": verification.accepted,
        "notes": [as_text(note) for note in verification.notes],
        "certificate": certificate_json(verification.certificate),
        "numeric": numeric_json(verification.numeric),
        "optimised": None if verification.optimised is None else numeric_json(verification.optimised),
    }


def certificate_json(certificate: Certificate) -> CertificateJson:
    """Result of the symbolic proof, or the reason why nothing was proved."""
    return {
        "equal": certificate.equal,
        "identical": certificate.identical,
        "outputs": certificate.outputs,
        "interface": certificate.interface,
        "difference": None if certificate.difference is None else as_text(certificate.difference),
    }


def numeric_json(numeric: Numeric | None) -> NumericJson:
    """Result of running both; JSON has no infinity: such a difference is `exact` false, `max_abs` null."""
    if numeric is None:
        numeric = Numeric(skipped="not asked for")
    tolerance = numeric.tolerance
    return {
        "runs": numeric.runs,
        "exact": numeric.exact,
        "max_abs": finite(numeric.max_abs),
        "max_rel": finite(numeric.relative),
        "rounding": numeric.rounding,
        "tolerance": None if tolerance is None else _tolerance(tolerance),
        "within": numeric.within,
        "worst": _worst(numeric),
        "skipped": numeric.skipped,
        "error": numeric.error,
        "identical": numeric.identical,
    }


def _worst(numeric: Numeric) -> WorstJson | None:
    """The place of the largest relative difference."""
    if numeric.worst_output is None:
        return None
    return {
        "output": as_text(numeric.worst_output),
        "where": as_text(numeric.where or ""),
        "abs": finite(numeric.worst_abs),
        "rel": finite(numeric.relative),
    }


def _tolerance(tolerance: Tolerance) -> ToleranceJson:
    found: ToleranceJson = {}
    if tolerance.largest is not None:
        found["largest"] = tolerance.largest
    if tolerance.rtol is not None:
        found["rtol"] = tolerance.rtol
    if tolerance.atol is not None:
        found["atol"] = tolerance.atol
    return found


def finite(figure: float | None) -> float | None:
    """A figure that JSON can write: None for infinity and for what is no number."""
    return figure if figure is not None and math.isfinite(figure) else None
