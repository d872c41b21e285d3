"""The law of pads: a Pad by zero elements does nothing.

Statement: Pad(x, 0, ..., 0) = x, in every mode and for every value of padding.
Side conditions: all pads are known and 0.
Argument: the result has the shape of x, and no element is added or removed.
"""

from __future__ import annotations

from rewriter.proof.laws.law import Law
from rewriter.proof.laws.terms.store import Terms
from rewriter.proof.laws.terms.term import ABSENT, Node


def _rewrite(node: Node, terms: Terms) -> int | None:
    pads = node.value("pads") if node.input(1) == ABSENT else terms.numbers(node.inputs[1])
    return node.inputs[0] if pads is not None and not any(pads) else None


PADS = Law("pads", frozenset({"Pad"}), _rewrite)
