"""Verdict on two models, with its basis: the certificate and the numbers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NoReturn

from rewriter.basics.display import Display, counted
from rewriter.proof.certificate import Certificate
from rewriter.verdict.laws import Kept, LawProof
from rewriter.verdict.numbers import Numeric


class Verdict(StrEnum):
    """Verdict on two models."""

    EQUAL = "equal"
    """Proved: they compute the same, bit for bit."""
    ROUNDED = "equal up to rounding"
    """Proved by laws that round: they compute the same for real numbers, and floats differ by rounding."""
    NOT_PROVED = "not proved"
    """Neither equality nor difference is shown."""
    DIFFERENT = "different"
    """The same arrays cannot serve both, or results differ beyond the tolerance or, without one, rounding."""


@dataclass(frozen=True, slots=True, repr=False)
class Verification(Display):
    """Result of verifying that two models compute the same.

    It has no truth value, because there are three verdicts: read `verdict`.

    Attributes:
        certificate: result of the symbolic comparison.
        numeric: result of running both models in onnxruntime; None if not requested.
        optimised: result of running both with all of onnxruntime's optimisations, which may fuse the two
            models differently; None if not requested.
        demanded: whether numbers are mandatory.
        notes: remarks on how the two models were compared.
        laws: result of comparing the models by laws; None if no laws were tried, or the certificate is equal.
        site: the module and node at which the laws stopped, in words; empty if unknown.
    """

    certificate: Certificate
    numeric: Numeric | None
    optimised: Numeric | None = None
    demanded: bool = False
    notes: tuple[str, ...] = ()
    laws: LawProof | None = None
    site: str = ""

    def __bool__(self) -> NoReturn:
        raise TypeError("a Verification has no truth value; compare its .verdict with Verdict.EQUAL")

    @property
    def verdict(self) -> Verdict:
        """Verdict: proved equal, or equal up to rounding, or shown to be different, or none of these."""
        runs = [each for each in (self.numeric, self.optimised) if each is not None]
        if self.certificate.mismatch or any(each.differs for each in runs):
            return Verdict.DIFFERENT
        kept = self.laws.kept if self.laws is not None else Kept.NOTHING
        if any(each.error for each in runs):
            return Verdict.NOT_PROVED
        if self.certificate.equal or kept is Kept.BITS:
            contradicted = self.numeric is not None and self.numeric.agrees is False
            return Verdict.NOT_PROVED if contradicted else Verdict.EQUAL
        return Verdict.ROUNDED if kept is Kept.ROUNDED else Verdict.NOT_PROVED

    @property
    def missing(self) -> str | None:
        """Reason why demanded numbers are missing; None if none are missing or numbers were not demanded."""
        asked = [each for each in (self.numeric, self.optimised) if self.demanded and each is not None]
        return next((each.skipped or each.error for each in asked if not each.taken), None)

    @property
    def accepted(self) -> bool:
        """Whether the models are equal, also up to rounding by requested laws, or within the tolerance.

        False if a run ended in an error, or if demanded numbers are missing. Models are not within the
        tolerance if an output was not compared.
        """
        if self.missing is not None or self.verdict is Verdict.DIFFERENT:
            return False
        within = self.numeric is not None and self.numeric.within is True and not self.numeric.random
        proved = self.verdict in (Verdict.EQUAL, Verdict.ROUNDED)
        return proved or (within and not (self.optimised and self.optimised.error))

    def _brief(self) -> str:
        runs = sum(each.runs for each in (self.numeric, self.optimised) if each is not None)
        return f"{self.verdict}, {counted(runs, 'run')}"
