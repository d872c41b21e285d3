"""The verdict on two models, and its basis: the certificate and the numbers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NoReturn

from rewriter.basics.display import Display, counted
from rewriter.proof.certificate import Certificate
from rewriter.verdict.numbers import Numeric


class Verdict(StrEnum):
    """Verdict on two models."""

    EQUAL = "equal"
    """Proved: they compute the same, bit for bit."""
    NOT_PROVED = "not proved"
    """Neither equality nor difference is shown."""
    DIFFERENT = "different"
    """Their interfaces differ, or an input gives results that differ by more than rounding."""


@dataclass(frozen=True, slots=True, repr=False)
class Verification(Display):
    """Whether two models compute the same.

    It has no truth value, since there are three verdicts: ask for `verdict`.

    Attributes:
        certificate: equal expressions at every output, or the first that differs.
        numeric: result of running both in onnxruntime; None if numbers were not requested.
        optimised: the same with all of onnxruntime's optimisations, which may fuse the two differently; None
            if not requested.
        demanded: whether numbers are mandatory.
        notes: remarks on how the two were compared.
    """

    certificate: Certificate
    numeric: Numeric | None
    optimised: Numeric | None = None
    demanded: bool = False
    notes: tuple[str, ...] = ()

    def __bool__(self) -> NoReturn:
        raise TypeError("a Verification has no truth value; compare its .verdict with Verdict.EQUAL")

    @property
    def verdict(self) -> Verdict:
        """Proved equal, shown to be different, or neither."""
        runs = [each for each in (self.numeric, self.optimised) if each is not None]
        if self.certificate.mismatch or any(each.differs for each in runs):
            return Verdict.DIFFERENT
        contradicted = any(each.error for each in runs) or (
            self.numeric is not None and self.numeric.agrees is False
        )
        proved = self.certificate.equal and not contradicted
        return Verdict.EQUAL if proved else Verdict.NOT_PROVED

    @property
    def missing(self) -> str | None:
        """The reason why demanded numbers are missing; None if they are there, or were not demanded."""
        asked = [each for each in (self.numeric, self.optimised) if self.demanded and each is not None]
        return next((each.skipped or each.error for each in asked if not each.taken), None)

    @property
    def accepted(self) -> bool:
        """Proved equal, or within the requested tolerance; with the numbers that were demanded."""
        if self.missing is not None or self.verdict is Verdict.DIFFERENT:
            return False
        within = self.numeric is not None and self.numeric.within is True
        return self.verdict is Verdict.EQUAL or (within and not (self.optimised and self.optimised.error))

    def _brief(self) -> str:
        runs = sum(each.runs for each in (self.numeric, self.optimised) if each is not None)
        return f"{self.verdict}, {counted(runs, 'run')}"
