"""The law of commutativity: Add, Mul, And, Or, Xor and Equal do not depend on the order of their inputs.

Statement: op(x, y) = op(y, x), for all shapes that broadcast.
Side conditions: the opset is 7 or later, from which both inputs broadcast alike.
Argument: IEEE 754 addition and multiplication are commutative in value, sign of zero and rounding. If both
inputs are NaN, the payload of the result may be that of either; payloads are no part of *equal*. Integers
wrap alike.
"""

from __future__ import annotations

from rewriter.proof.laws.law import Law
from rewriter.proof.laws.terms.store import Terms
from rewriter.proof.laws.terms.term import Node

_BOTH_BROADCAST = 7


def _rewrite(node: Node, terms: Terms) -> int | None:
    if len(node.inputs) != 2 or node.version < _BOTH_BROADCAST or node.inputs[0] <= node.inputs[1]:
        return None
    return terms.make(node.on(*reversed(node.inputs)))


COMMUTATIVITY = Law("commutativity", frozenset({"Add", "Mul", "And", "Or", "Xor", "Equal"}), _rewrite)
