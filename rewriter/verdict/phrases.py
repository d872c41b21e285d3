"""Describes the verdict on two models in phrases, none of which claims more than was checked."""

from __future__ import annotations

import math

from rewriter.basics.display import counted, listed
from rewriter.proof.certificate import Certificate
from rewriter.verdict.laws import Kept, LawProof
from rewriter.verdict.numbers import Numeric
from rewriter.verdict.verification import Verdict, Verification

_UNITS = "u: half an ulp of 1; K: products in a sum"
"""Meaning of the letters in the bounds of laws."""


def proof_phrases(verification: Verification) -> list[str]:
    """Return phrases for the verdict, certificate, numbers, notes and, if requested, optimised numbers."""
    phrases = [
        str(verification.verdict),
        _proof_phrase(verification),
        numbers_phrase(verification.numeric),
        *verification.notes,
    ]
    if verification.optimised is not None:
        phrases.append(f"with all optimisations, {numbers_phrase(verification.optimised)}")
    return phrases


def _proof_phrase(verification: Verification) -> str:
    """Describe the certificate and, if it is not equal, what laws prove."""
    laws = verification.laws
    if laws is None or laws.reason is not None:
        why = (
            "" if laws is None or laws.reason in (verification.certificate.difference, None) else laws.reason
        )
        return certificate_phrase(verification.certificate) + (f"; no laws: {why}" if why else "")
    if laws.kept is Kept.NOTHING:
        where = verification.site or certificate_phrase(verification.certificate)
        open_ = laws.tried == "bits" and verification.verdict is Verdict.NOT_PROVED
        untried = "; laws that round were not tried (--laws rounding)" if open_ else ""
        return (f"laws: not proved at {where}" if verification.site else where) + untried
    return laws_phrase(laws)


def laws_phrase(laws: LawProof) -> str:
    """Describe what laws prove, and the bounds of those that round."""
    if laws.kept is Kept.BITS:
        return f"laws: equal at all outputs, bit for bit, by {', '.join(laws.laws)}"
    bounds = "; ".join(f"{name} by {bound}" for name, bound in laws.bounds)
    kept = [name for name in laws.laws if name not in dict(laws.bounds)]
    others = f"; laws that keep bits: {', '.join(kept)}" if kept else ""
    units = f" ({_UNITS})" if laws.bounds else ""
    return f"laws: equal at all outputs up to rounding; each use rounds by at most: {bounds}{units}{others}"


def certificate_phrase(certificate: Certificate) -> str:
    """Describe the certificate, or the reason why nothing was proved."""
    if certificate.identical:
        return "all that a runtime executes is the same, byte for byte"
    if certificate.equal:
        return f"certificate: equal at {certificate.outputs:,} of {counted(certificate.outputs, 'output')}"
    return f"{'interface' if certificate.interface else 'certificate'}: {certificate.difference}"


def numbers_phrase(numeric: Numeric | None) -> str:
    """Describe the numbers; never claim agreement if nothing ran."""
    if numeric is None:
        return "numbers not asked for"
    if not numeric.taken or numeric.identical:
        why = numeric.skipped or numeric.error
        return f"numbers not {'needed' if numeric.identical else 'taken'}: {why}"
    runs = f"onnxruntime: {numeric.runs:,} run{'s' if numeric.runs != 1 else ''}"
    found = "bit for bit the same" if numeric.exact else _deviation(numeric)
    apart = f"; not compared, since random: {listed(numeric.random)}"
    return f"{runs}, {found}{apart if numeric.random else ''}"


def reason_of(verification: Verification) -> str:
    """Return the reason why two models are not known to be equal, or why numbers are missing."""
    if verification.verdict in (Verdict.EQUAL, Verdict.ROUNDED) and verification.missing is not None:
        return f"numbers not taken: {verification.missing}"
    for numeric, how in ((verification.numeric, ""), (verification.optimised, "with all optimisations, ")):
        if numeric is not None and (numeric.exact is False or numeric.error):
            return f"{how}{numbers_phrase(numeric)}"
    return _proof_phrase(verification)


def _deviation(numeric: Numeric) -> str:
    """Describe the deviation of the results, and its place."""
    where = f"at output {numeric.worst_output!r} ({numeric.where})"
    if numeric.worst_abs is None or not math.isfinite(numeric.worst_abs):
        return f"other results {where}"
    off = f"up to {numeric.worst_abs:.3g}"
    if numeric.relative is not None and math.isfinite(numeric.relative):
        off += f", {numeric.relative:.2g} of the largest value,"
    if numeric.tolerance is not None:
        return f"{'within' if numeric.within else 'beyond'} {numeric.tolerance}: off by {off} {where}"
    if numeric.rounding:
        return f"bits differ by {off} {where}: rounding is possible"
    return f"off by {off} {where}"
