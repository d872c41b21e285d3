"""The law of scaled weights: a factor of a product may be one of its matrix.

Statement: MatMul(x, w) * c = MatMul(x, w*c), and (y + b) * c = y*c + b*c for a product y and a constant b.
Side conditions: w, b and c are constants of float32 or float64, all finite; c is a scalar or has one
element per column.
Argument: true for real numbers, since c depends on the column alone. w*c counts as the constant in the
file that is nearest to it within 2 ulp in every element, else as w*c rounded once. So the sides differ by
at most (2K+4)u times the sum of the absolute values of the K+1 scaled terms.
"""

from __future__ import annotations

import numpy as np

from rewriter.proof.laws.law import Law
from rewriter.proof.laws.terms.store import Terms
from rewriter.proof.laws.terms.term import Array, Node


def _rewrite(node: Node, terms: Terms) -> int | None:
    for at in (0, 1):
        factor = _constant(node.inputs[at], terms)
        inner = terms.node(node.inputs[1 - at], "MatMul", "Add")
        if factor is None or inner is None or factor.ndim > 1:
            continue
        if inner.operator == "MatMul":
            return _product(inner, factor, terms)
        return _sum(node, inner, node.inputs[at], factor, terms)
    return None


def _product(inner: Node, factor: Array, terms: Terms) -> int | None:
    weight = _constant(inner.inputs[1], terms)
    if weight is None or weight.ndim != 2 or factor.size not in (1, weight.shape[1]):
        return None
    scaled = terms.near(weight.astype(np.float64) * factor, inner.inputs[1])
    return None if scaled is None else terms.make(inner.on(inner.inputs[0], scaled))


def _sum(node: Node, inner: Node, scale: int, factor: Array, terms: Terms) -> int | None:
    for at in (0, 1):
        bias = _constant(inner.inputs[at], terms)
        product = terms.node(inner.inputs[1 - at], "MatMul")
        if bias is None or product is None or bias.ndim != 1 or terms.dims(inner.inputs[1 - at]) is None:
            continue
        weight = _constant(product.inputs[1], terms)
        if weight is None or weight.ndim != 2 or {bias.size, factor.size} - {1, weight.shape[1]}:
            continue
        scaled = terms.near(bias.astype(np.float64) * factor, inner.inputs[at])
        if scaled is not None:
            return terms.make(inner.on(terms.make(node.on(inner.inputs[1 - at], scale)), scaled))
    return None


def _constant(term: int, terms: Terms) -> Array | None:
    array = terms.array(term) if terms.is_constant(term) else None
    exact = array is not None and array.dtype in (np.float32, np.float64) and bool(np.isfinite(array).all())
    return array if exact else None


SCALED = Law(
    "scaled weights",
    frozenset({"Mul"}),
    _rewrite,
    rounds="(2K+4)u of the sum of the absolute values of its K+1 terms",
)
