"""The law of transposed operands: exact elementwise operators may work before a transpose.

Statement: f(permute(x, p)) = permute(f(x), p); op(permute(x, p), permute(y, p)) = permute(op(x, y), p),
and the same with a scalar in place of one operand.
Side conditions: f and op are exact: they are defined to the last bit for each element; the ranks of two
transposed operands are equal.
Argument: element p(i) of both sides is computed from the same elements, and where these lie does not
matter, since IEEE 754 leaves no choice of rounding. Size 1 is broadcast along the same axis on both sides.
"""

from __future__ import annotations

from rewriter.proof.laws.law import Law
from rewriter.proof.laws.movement.transposes import permute
from rewriter.proof.laws.terms.store import Terms
from rewriter.proof.laws.terms.term import Node

_UNARY = frozenset({"Relu", "Neg", "Abs", "Not", "Ceil", "Floor"})
_BINARY = frozenset({"Add", "Sub", "Mul", "Div"})


def _rewrite(node: Node, terms: Terms) -> int | None:
    moved = [terms.node(each, "permute") for each in node.inputs]
    perms = [each.value("") for each in moved if each is not None]
    if not perms or any(perm != perms[0] for perm in perms):
        return None
    sources = []
    for term, inner in zip(node.inputs, moved, strict=True):
        if inner is None and terms.dims(term) != ():
            return None
        sources.append(term if inner is None else inner.inputs[0])
    return permute(terms, terms.make(node.on(*sources)), perms[0])


TRANSPOSED_OPERANDS = Law("transposed operands", _UNARY | _BINARY, _rewrite)
