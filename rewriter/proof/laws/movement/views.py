"""The law of views: Reshape, Squeeze, Unsqueeze and Flatten keep the elements in their order.

Statement: such a node equals `view(x, dims)`, the tensor of shape `dims` with the elements of x in row-
major order; view(view(x, a), b) = view(x, b), and view(x, the shape of x) = x.
Side conditions: `dims` follows from the shape of x and from known axes or entries of the target shape, as
polynomials over the symbols of the inputs (`terms/reshaping`).
Argument: ONNX defines all four by row-major order, for every rank and for empty tensors, and a view is
determined by its shape and this order. If a node fails, since the counts of elements differ, there is no
result to compare.
"""

from __future__ import annotations

from rewriter.proof.laws.law import Law
from rewriter.proof.laws.terms.sizes import Dims
from rewriter.proof.laws.terms.store import Terms
from rewriter.proof.laws.terms.term import Node, normal


def view(terms: Terms, term: int, dims: Dims) -> int:
    """Return the term with the elements of another in a given shape."""
    while (node := terms.node(term, "view")) is not None:
        (term,) = node.inputs
    if terms.dims(term) == dims:
        return term
    numbers = [dim.number for dim in dims]
    array = terms.array(term) if None not in numbers else None
    if array is not None and array.size == _count(dims):
        return terms.constant(array.reshape([each or 0 for each in numbers]))
    return terms.keep(normal("view", dims, term))


def _count(dims: Dims) -> int:
    count = 1
    for dim in dims:
        count *= dim.number or 0
    return count


def _rewrite(node: Node, terms: Terms) -> int | None:
    dims = terms.dims_of(node)
    return None if dims is None else view(terms, node.inputs[0], dims)


VIEWS = Law("views", frozenset({"Reshape", "Squeeze", "Unsqueeze", "Flatten"}), _rewrite)
