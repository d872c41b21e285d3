"""The law of Gemm: it is a matrix product, plus a bias.

Statement: Gemm(a, b, c) = MatMul(a', b') + c, with a' and b' transposed as the attributes say; without c,
no sum.
Side conditions: alpha is 1; beta is 1, or there is no c.
Argument: this is ONNX's definition of Gemm. c broadcasts to the product and never widens it, since Gemm
demands that. Both sides add the same K products and c, in an order that is free: they differ by at most
2(K+1)u times the sum of the absolute values of these terms. An infinite or NaN term may surface as either.
"""

from __future__ import annotations

from rewriter.proof.laws.law import Law
from rewriter.proof.laws.movement.transposes import permute
from rewriter.proof.laws.terms.store import Terms
from rewriter.proof.laws.terms.term import ABSENT, Node

_MATMUL, _ADD = 13, 14
"""Versions of the operators that Gemm is written with."""


def _rewrite(node: Node, terms: Terms) -> int | None:
    bias = node.input(2)
    if node.value("alpha") != 1.0 or (node.value("beta") != 1.0 and bias != ABSENT):
        return None
    if any(len(terms.dims(each) or ()) != 2 for each in node.inputs[:2]):
        return None
    left, right = (
        permute(terms, each, (1, 0)) if node.value(name) else each
        for each, name in zip(node.inputs[:2], ("transA", "transB"), strict=True)
    )
    product = terms.make(Node("MatMul", _MATMUL, (), (left, right)))
    return product if bias == ABSENT else terms.make(Node("Add", _ADD, (), (product, bias)))


GEMM = Law(
    "gemm", frozenset({"Gemm"}), _rewrite, rounds="2(K+1)u of the sum of the absolute values of its K+1 terms"
)
