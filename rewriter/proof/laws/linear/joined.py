"""The law of joined weights: columns of a product are the product with these columns.

Statement: slice(MatMul(x, w), last axis) = MatMul(x, slice(w, last axis)) for w of rank 2.
Side conditions: both ranks are known.
Argument: element (i, n) is the sum over k of x[i, k] w[k, n] on both sides. A kernel may add the K
products in another order for another number of columns: the sides differ by at most 2Ku times the sum of
the absolute values of the products.
"""

from __future__ import annotations

from rewriter.proof.laws.law import Law
from rewriter.proof.laws.movement.slices import cut
from rewriter.proof.laws.terms.store import Terms
from rewriter.proof.laws.terms.term import Node


def _rewrite(node: Node, terms: Terms) -> int | None:
    axis, (first, step), size = node.value("")
    product, dims = terms.node(node.inputs[0], "MatMul"), terms.dims(node.inputs[0])
    if product is None or dims is None or axis != len(dims) - 1:
        return None
    weight = terms.dims(product.inputs[1])
    if weight is None or len(weight) != 2 or not terms.dims(product.inputs[0]):
        return None
    return terms.make(product.on(product.inputs[0], cut(terms, product.inputs[1], 1, first, step, size)))


JOINED = Law(
    "joined weights",
    frozenset({"slice"}),
    _rewrite,
    rounds="2Ku of the sum of the absolute values of its K products",
)
