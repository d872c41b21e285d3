"""The law of broadcasting: leading axes of size 1 say nothing if the other input has these axes, too.

Statement: op(x, c) = op(x, view(c, the shape of c without leading 1s)), and the same for op(c, x).
Side conditions: the rank of c is at most that of x.
Argument: ONNX broadcasts as numpy does: the shorter shape is padded with leading 1s, so both sides pair
the same elements, and the rank of the result is that of x. This holds for empty tensors.
"""

from __future__ import annotations

from rewriter.proof.laws.law import Law
from rewriter.proof.laws.movement.views import view
from rewriter.proof.laws.terms.sizes import ONE
from rewriter.proof.laws.terms.store import Terms
from rewriter.proof.laws.terms.term import Node

_BOTH_BROADCAST = 7
OPERATORS = frozenset({"Add", "Sub", "Mul", "Div", "Pow", "And", "Or", "Equal", "Less", "Greater"})


def _rewrite(node: Node, terms: Terms) -> int | None:
    if len(node.inputs) != 2 or node.version < _BOTH_BROADCAST:
        return None
    for at in (1, 0):
        dims, other = terms.dims(node.inputs[at]), terms.dims(node.inputs[1 - at])
        if dims and other is not None and dims[0] == ONE and len(dims) <= len(other):
            bare = view(terms, node.inputs[at], dims[1:])
            return terms.make(node.on(*((node.inputs[0], bare) if at else (bare, node.inputs[1]))))
    return None


BROADCASTING = Law("broadcasting", OPERATORS, _rewrite)
