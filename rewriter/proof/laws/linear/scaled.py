"""The law of scaled weights: a factor of a product may be one of its matrix.

Statement: MatMul(x, w) * c = MatMul(x, w*c), and (y + b) * c = y*c + b*c for a product y and a constant b.
Side conditions: w, b and c are constants of float32 or float64, all finite; c is a scalar or has one
element per column.
Argument: true for real numbers, since c depends on the column alone. w*c counts as the constant in the
file that is nearest to it within 4u in every element, else as w*c rounded once. So the sides differ by
at most (2K+8)u times the sum of the absolute values of the K+1 scaled terms.
"""

from __future__ import annotations

from rewriter.proof.laws.law import Law
from rewriter.proof.laws.linear.exact import exact
from rewriter.proof.laws.terms.store import Terms
from rewriter.proof.laws.terms.term import Array, Node


def _rewrite(node: Node, terms: Terms) -> int | None:
    for at in (0, 1):
        factor = exact(node.inputs[at], terms)
        inner = terms.node(node.inputs[1 - at], "MatMul", "Add")
        if factor is None or inner is None or factor.ndim > 1:
            continue
        if inner.operator == "MatMul":
            return _product(inner, factor, terms)
        return _sum(node, inner, node.inputs[at], factor, terms)
    return None


def _product(inner: Node, factor: Array, terms: Terms) -> int | None:
    weight = exact(inner.inputs[1], terms)
    if weight is None or weight.ndim != 2 or factor.size not in (1, weight.shape[1]):
        return None
    scaled = terms.near(weight * factor, inner.inputs[1], None, 4)
    return None if scaled is None else terms.make(inner.on(inner.inputs[0], scaled))


def _sum(node: Node, inner: Node, scale: int, factor: Array, terms: Terms) -> int | None:
    for at in (0, 1):
        bias = exact(inner.inputs[at], terms)
        product = terms.node(inner.inputs[1 - at], "MatMul")
        if bias is None or product is None or bias.ndim != 1 or terms.dims(inner.inputs[1 - at]) is None:
            continue
        weight = exact(product.inputs[1], terms)
        if weight is None or weight.ndim != 2 or {bias.size, factor.size} - {1, weight.shape[1]}:
            continue
        scaled = terms.near(bias * factor, inner.inputs[at], None, 4)
        if scaled is not None:
            return terms.make(inner.on(terms.make(node.on(inner.inputs[1 - at], scale)), scaled))
    return None


SCALED = Law(
    "scaled weights",
    frozenset({"Mul"}),
    _rewrite,
    rounds="(2K+8)u of the sum of the absolute values of its K+1 terms",
)
