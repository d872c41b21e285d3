"""The form of a law, and the laws that are known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rewriter.proof.laws.terms.store import Terms
from rewriter.proof.laws.terms.term import Node


@dataclass(frozen=True, slots=True)
class Law:
    """Equation between terms, read from left to right.

    Attributes:
        name: the name, for messages.
        operators: operators that the left side may have.
        rewrite: returns the number of a term equal to a node; None if the law does not apply to it.
        rounds: None if both sides have the same bits, except the payload of NaN; else a bound of the
            difference that one use makes on floats. u is half an ulp of 1: 2**-24 for float32.
    """

    name: str
    operators: frozenset[str]
    rewrite: Callable[[Node, Terms], int | None]
    rounds: str | None = None
