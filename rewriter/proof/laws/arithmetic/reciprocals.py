"""The law of reciprocals: multiplication by 1/y is division by y.

Statement: x * (1/y) = (1/y) * x = x / y, for 1/y as Div(1, y) or Reciprocal(y).
Side conditions: the numerator is the constant 1, and its shape does not widen that of y.
Argument: true for real numbers. The left side rounds twice and the right side once: they differ by at most
3u of the result, unless 1/y overflows or is denormal. For y = 0 the results may be an infinity and NaN: x
= 0 gives NaN on both sides, other x an infinity on both.
"""

from __future__ import annotations

from rewriter.proof.laws.law import Law
from rewriter.proof.laws.terms.store import Terms
from rewriter.proof.laws.terms.term import FLOATS, Node

_DIV = 14


def _rewrite(node: Node, terms: Terms) -> int | None:
    for at in (1, 0):
        under = _denominator(node.inputs[at], terms)
        if under is not None and terms.element(under) in FLOATS:
            return terms.make(Node("Div", _DIV, (), (node.inputs[1 - at], under)))
    return None


def _denominator(term: int, terms: Terms) -> int | None:
    """Return y of 1/y; None for another term."""
    if (node := terms.node(term, "Reciprocal")) is not None:
        return node.inputs[0]
    if (node := terms.node(term, "Div")) is None or not terms.is_constant(node.inputs[0]):
        return None
    one, dims = terms.array(node.inputs[0]), terms.dims(node.inputs[1])
    if one is None or one.size != 1 or one.reshape(-1)[0] != 1 or dims is None or one.ndim > len(dims):
        return None
    return node.inputs[1]


RECIPROCALS = Law("reciprocals", frozenset({"Mul"}), _rewrite, rounds="3u of the result")
