"""The law of rows: a product with a matrix treats each row alone.

Statement: MatMul(x, w) = view(MatMul(view(x, (M, K)), w), dims) for x of rank 3 or more and w of rank 2; M
is the product of the sizes of x before the last.
Side conditions: both shapes are known.
Argument: element (i, n) is the sum over k of x[i, k] w[k, n] on both sides, where i runs over the rows in
row-major order. A kernel may add the K products in another order if it gets more rows at once: the sides
differ by at most 2Ku times the sum of the absolute values of the products. Without rows both sides are
empty.
"""

from __future__ import annotations

from dataclasses import replace

from rewriter.proof.laws.law import Law
from rewriter.proof.laws.movement.views import view
from rewriter.proof.laws.terms.sizes import product
from rewriter.proof.laws.terms.store import Terms
from rewriter.proof.laws.terms.term import Node


def _rewrite(node: Node, terms: Terms) -> int | None:
    left, right = (terms.dims(each) for each in node.inputs)
    if left is None or right is None or len(left) < 3 or len(right) != 2:
        return None
    rows = view(terms, node.inputs[0], (product(left[:-1]), left[-1]))
    made = terms.make(replace(node, inputs=(rows, node.inputs[1])))
    return view(terms, made, (*left[:-1], right[1]))


ROWS = Law(
    "rows", frozenset({"MatMul"}), _rewrite, rounds="2Ku of the sum of the absolute values of its K products"
)
