"""The certificate: two models bear the same symbolic expression at every output."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Certificate:
    """The outcome of comparing two models symbolically.

    Attributes:
        equal: whether every output bears the same expression in both models.
        outputs: number of outputs compared.
        difference: one line on the first difference; None where equal.
    """

    equal: bool
    outputs: int
    difference: str | None = None
