"""Verification: the symbolic proof and the numbers, side by side."""

from __future__ import annotations

from dataclasses import dataclass

from rewriter.proof.certificate import Certificate
from rewriter.proof.compare import TOLERANCE, Numeric


@dataclass(frozen=True, slots=True)
class Verification:
    """Whether two models compute the same.

    Attributes:
        certificate: equal expressions at every output, or the first that differs.
        numeric: what onnxruntime computed with both; None where numbers were not asked for.
        optimised: the same with all of onnxruntime's optimisations, which may fuse the two differently; None
            where that was not asked for.
    """

    certificate: Certificate
    numeric: Numeric | None
    optimised: Numeric | None = None

    @property
    def holds(self) -> bool:
        """Proved by symbols, and contradicted by no numbers; optimised ones may be off by the tolerance."""
        return (
            self.certificate.equal
            and (self.numeric is None or self.numeric.agrees is not False)
            and (self.optimised is None or self.optimised.within(TOLERANCE) is not False)
        )
