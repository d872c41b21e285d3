"""What a verification found, in phrases; never more than was checked."""

from __future__ import annotations

import math

from rewriter.proof.certificate import Certificate
from rewriter.proof.compare import TOLERANCE, Numeric
from rewriter.proof.verification import Verification


def proof_phrases(verification: Verification) -> list[str]:
    """The certificate, the numbers and, where they were asked for, the numbers of optimised models."""
    phrases = [_certified(verification.certificate), numbers_phrase(verification.numeric)]
    if verification.optimised is not None:
        phrases.append(_optimised(verification.optimised))
    return phrases


def _certified(certificate: Certificate) -> str:
    outputs = certificate.outputs
    if certificate.equal:
        return f"certificate: equal at {outputs:,} of {outputs:,} outputs"
    return f"certificate: NOT equal: {certificate.difference or 'no difference was named'}"


def numbers_phrase(numeric: Numeric | None) -> str:
    """What the numbers say; never that they agree where nothing ran."""
    if numeric is None:
        return "numbers not asked for"
    if numeric.skipped is not None:
        return f"numbers not {'needed' if numeric.identical else 'taken'}: {numeric.skipped}"
    runs = f"onnxruntime: {_runs(numeric)}"
    if numeric.exact:
        return f"{runs}, bit for bit equal"
    if numeric.max_abs is None or not math.isfinite(numeric.max_abs):
        return f"{runs}, DIFFERENT without bound"
    return f"{runs}, DIFFERENT by up to {numeric.max_abs:.3g}"


def _optimised(numeric: Numeric) -> str:
    """What the numbers say where onnxruntime optimised both models."""
    if numeric.skipped is not None:
        return f"optimised: numbers not taken: {numeric.skipped}"
    runs = f"optimised: {_runs(numeric)}"
    if numeric.exact:
        return f"{runs}, bit for bit equal"
    if numeric.relative is None or not math.isfinite(numeric.relative):
        return f"{runs}, DIFFERENT without bound"
    verdict = "equal within" if numeric.within(TOLERANCE) else "DIFFERENT by up to"
    return f"{runs}, {verdict} {numeric.relative:.2g} of the largest value"


def _runs(numeric: Numeric) -> str:
    return f"{numeric.runs:,} run{'s' if numeric.runs != 1 else ''}"
