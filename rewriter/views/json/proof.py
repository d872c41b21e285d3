"""Verification of two models as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final, Literal, NotRequired, TypedDict

from rewriter.proof.certificate import Certificate
from rewriter.runtime.compare.tolerance import Tolerance
from rewriter.verdict.laws import Kept, LawProof
from rewriter.verdict.numbers import Numeric
from rewriter.verdict.phrases import reason_of
from rewriter.verdict.verification import Verdict, Verification
from rewriter.views.escape import as_text
from rewriter.views.json.types import Amount, Count

VERIFY: Final = "rewriter.verify/2"


class CertificateJson(TypedDict):
    """Symbolic proof.

    Attributes:
        equal: Whether the models are identical, or have the same inputs and outputs, the same symbolic
            expression at every output, and the same nodes that may draw random numbers or keep state.
        identical: Whether the executable parts of both models are byte-identical.
        outputs: Number of outputs; 0 if the comparison ended before the outputs.
        interface: Whether the difference concerns inputs or outputs: their number, names, types or
            defaults.
        difference: The first difference, or the reason why nothing can be proved; null if equal.
    """

    equal: bool
    identical: bool
    outputs: Count
    interface: bool
    difference: str | None


class ToleranceJson(TypedDict):
    """Allowed deviation of an output `b` of the second model from the output `a` of the first.

    Attributes:
        largest: |a-b| <= largest * max|a|.
        rtol: |a-b| <= atol + rtol * |a| at every element.
        atol: See rtol.
    """

    largest: NotRequired[Amount]
    rtol: NotRequired[Amount]
    atol: NotRequired[Amount]


class WorstJson(TypedDict):
    """Place of the largest relative difference.

    Attributes:
        output: Name of the output in the first model.
        where: The input set and the element.
        abs: Absolute difference there; null if it is not a finite number.
        rel: `abs` divided by the largest finite magnitude of the output in the first model; 0 if `abs` is 0;
            otherwise null if that magnitude is 0 or `abs` is null.
    """

    output: str
    where: str
    abs: Amount | None
    rel: Amount | None


class NumericJson(TypedDict):
    """Runs of both models in onnxruntime.

    Attributes:
        runs: Number of compared input sets. After an `error`, it may count sets on which only the first model
            ran.
        exact: Whether all compared outputs are bit-identical; null if nothing was compared.
        random: Outputs that were not compared: they differ between the models, and between two runs of the
            first model.
        max_abs: Largest absolute difference. Null if nothing was compared; null, with `exact` false, if the
            difference is not a finite number (infinity, NaN, another shape or type).
        max_rel: Largest difference relative to the largest finite magnitude of its output in the first model;
            null in the cases of `max_abs`, and if that magnitude is 0 and the difference is not.
        rounding: Whether there are differences and rounding can explain all of them: they are between floats,
            and at most 1e-4 of the largest magnitude of their output; null if nothing was compared.
        tolerance: Allowed deviation; null if deviations are not judged.
        within: Whether all compared outputs are within the tolerance; null without a tolerance or comparison.
        worst: Place of the largest relative difference; null if nothing differs or nothing was compared.
        skipped: Reason why nothing was compared; null after a comparison, or if the second model failed.
        error: Failure of the second model, if the first model ran; otherwise null.
        identical: Whether the models were not run because both are byte-identical for onnxruntime, apart
            from metadata, doc strings and names of nodes.
    """

    runs: Count
    exact: bool | None
    random: Sequence[str]
    max_abs: Amount | None
    max_rel: Amount | None
    rounding: bool | None
    tolerance: ToleranceJson | None
    within: bool | None
    worst: WorstJson | None
    skipped: str | None
    error: str | None
    identical: bool


class LawsJson(TypedDict):
    """Proof by laws, for models whose expressions are not equal.

    Attributes:
        kept: What is proved: bits: outputs are equal bit for bit; up to rounding: they are equal for real
            numbers, and floats differ by rounding; nothing: some output is not proved equal.
        laws: Names of the laws that were used.
        bounds: Name of each of these that rounds, and the bound of one use.
        site: The node and module at which the laws stopped; null if nothing stopped them or it is not known.
        reason: Reason why laws were not tried; null if they were.
    """

    kept: Kept
    laws: Sequence[str]
    bounds: Mapping[str, str]
    site: str | None
    reason: str | None


class VerificationJson(TypedDict):
    """Verdict, symbolic proof and runs.

    Attributes:
        verdict: equal: proved to compute the same, bit for bit. equal up to rounding: proved by laws that
            hold for real numbers. different: the same arrays cannot serve both models, or
            results differ beyond the tolerance (without one: beyond rounding). not proved: neither is shown.
        reason: Reason why the verdict is not equal, or why requested numbers are missing; else null.
        accepted: Whether the exit code is 0: no requested numbers are missing, and the verdict is equal or
            equal up to rounding, or is not proved while all numbers are within the tolerance.
        notes: Remarks on the comparison.
        certificate: Symbolic proof.
        numeric: Runs without optimisations.
        optimised: Runs with all optimisations of onnxruntime, which may fuse nodes of the models
            differently; null if not requested.
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

    Attributes:
        verification: Verdict, symbolic proof and runs.
        laws: Proof by laws; null if none were tried, since the certificate is equal or interfaces differ.
    """

    schema: Literal["rewriter.verify/2"]
    verification: VerificationJson
    laws: LawsJson | None


def verify_json(verification: Verification) -> VerifyJson:
    """Convert a verification to JSON, with its schema."""
    laws = None if verification.laws is None else laws_json(verification.laws, verification.site)
    return {"schema": VERIFY, "verification": verification_json(verification), "laws": laws}


def verification_json(verification: Verification) -> VerificationJson:
    """Convert a verification to JSON, as part of a result."""
    equal = verification.verdict in (Verdict.EQUAL, Verdict.ROUNDED)
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
    """Convert a symbolic proof to JSON."""
    return {
        "equal": certificate.equal,
        "identical": certificate.identical,
        "outputs": certificate.outputs,
        "interface": certificate.interface,
        "difference": None if certificate.difference is None else as_text(certificate.difference),
    }


def laws_json(laws: LawProof, site: str) -> LawsJson:
    """Convert a proof by laws to JSON."""
    return {
        "kept": laws.kept,
        "laws": laws.laws,
        "bounds": dict(laws.bounds),
        "site": as_text(site) if site else None,
        "reason": None if laws.reason is None else as_text(laws.reason),
    }


def numeric_json(numeric: Numeric | None) -> NumericJson:
    """Convert the runs of both models to JSON; None stands for runs that were not requested."""
    if numeric is None:
        numeric = Numeric(skipped="not asked for")
    tolerance = numeric.tolerance
    return {
        "runs": numeric.runs,
        "exact": numeric.exact,
        "random": [as_text(name) for name in numeric.random],
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
    """Return the place of the largest relative difference; None if nothing differs."""
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
    """Return a finite figure as it is, and None for infinity and NaN, which JSON lacks."""
    return figure if figure is not None and math.isfinite(figure) else None
