"""The law of elementwise operators: they may work before a change of shape instead of after it.

Statement: f(view(x, d)) = view(f(x), d) for operators f of one element; op(view(x, d), view(y, d)) =
view(op(x, y), d) for x and y of one shape; op(view(x, d), c) = view(op(x, c), d) if c varies only along
last axes, which x and d share.
Side conditions: the result of op has the shape d, so nothing else is broadcast; further inputs of f (the
bounds of Clip, the exponent of Pow) are scalars.
Argument: element number i of the result is computed from element number i of x in row-major order, and
from the same element of c, since its index depends on the shared last axes alone. Add, Sub, Mul and Div
are exact functions of these elements in IEEE 754. Kernels of other functions are assumed to see a list of
elements in row-major order.
"""

from __future__ import annotations

from rewriter.proof.laws.law import Law
from rewriter.proof.laws.movement.views import view
from rewriter.proof.laws.terms.result_types import POINTWISE
from rewriter.proof.laws.terms.sizes import ONE, Dims
from rewriter.proof.laws.terms.store import Terms
from rewriter.proof.laws.terms.term import ABSENT, Node

_BINARY = frozenset({"Add", "Sub", "Mul", "Div"})


def _rewrite(node: Node, terms: Terms) -> int | None:
    return _binary(node, terms) if node.operator in _BINARY else _unary(node, terms)


def _unary(node: Node, terms: Terms) -> int | None:
    inner = terms.node(node.inputs[0], "view")
    if inner is None or any(each != ABSENT and terms.dims(each) != () for each in node.inputs[1:]):
        return None
    made = terms.make(node.on(inner.inputs[0], *node.inputs[1:]))
    return view(terms, made, inner.value(""))


def _binary(node: Node, terms: Terms) -> int | None:
    dims = terms.dims_of(node) if len(node.inputs) == 2 else None
    if dims is None:
        return None
    views = [terms.node(each, "view") for each in node.inputs]
    inner = [None if each is None else terms.dims(each.inputs[0]) for each in views]
    if views[0] is not None and views[1] is not None and inner[0] == inner[1] and inner[0] is not None:
        if all(terms.dims(each) == dims for each in node.inputs):
            return view(terms, terms.make(node.on(views[0].inputs[0], views[1].inputs[0])), dims)
        return None
    for at in (0, 1):
        moved, source = views[at], inner[at]
        if moved is not None and source is not None and terms.dims(node.inputs[at]) == dims:
            other = _on_last_axes(node.inputs[1 - at], source, dims, terms)
            if other is not None:
                pair = (moved.inputs[0], other) if at == 0 else (other, moved.inputs[0])
                return view(terms, terms.make(node.on(*pair)), dims)
    return None


def _on_last_axes(term: int, source: Dims, dims: Dims, terms: Terms) -> int | None:
    """Return a term without leading axes of size 1; None if it varies along an axis that is not shared."""
    shape = terms.dims(term)
    if shape is None:
        return None
    while shape and shape[0] == ONE:
        shape = shape[1:]
    count = len(shape)
    if count > len(source) or (count and source[-count:] != dims[-count:]):
        return None
    return view(terms, term, shape)


ELEMENTWISE = Law("elementwise", _BINARY | POINTWISE | {"Pow"}, _rewrite)
