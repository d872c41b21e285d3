"""The law of zeros: adding a zero of any sign does nothing to a real number.

Statement: x + 0 = 0 + x = x - 0 = x, also for +0.0 and -0.0.
Side conditions: every element of the constant is a zero, and broadcasting leaves the shape of x.
Argument: true for all floats but one: -0.0 + (+0.0) is +0.0. The difference is no number, but a sign that
division shows; so this law does not keep bits.
"""

from __future__ import annotations

from rewriter.proof.laws.law import Law
from rewriter.proof.laws.terms.store import Terms
from rewriter.proof.laws.terms.term import FLOATS, Node


def _rewrite(node: Node, terms: Terms) -> int | None:
    dims = terms.dims_of(node) if len(node.inputs) == 2 else None
    if dims is None:
        return None
    for at in (1, 0) if node.operator == "Add" else (1,):
        zero, other = node.inputs[at], node.inputs[1 - at]
        if terms.dims(other) == dims and terms.element(zero) in FLOATS and terms.is_constant(zero):
            array = terms.array(zero)
            if array is not None and not array.any():
                return other
    return None


ZEROS = Law("zeros", frozenset({"Add", "Sub"}), _rewrite, rounds="0, but -0.0 may become 0.0")
