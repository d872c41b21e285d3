"""The law of slices within: an operator that treats elements alone may work on a slice.

Statement: slice(op(x, c)) = op(slice(x), slice(c)) for Add, Sub, Mul and Div, where an input that does not
vary along the axis stays whole; slice(view(x, d), last axis) = view(slice(x, last axis), d') if x and d
share the last axis; slice(permute(x, p), axis i) = permute(slice(x, axis p[i]), p).
Side conditions: shapes are known; each input has size 1, none, or the size of the result along the axis.
Argument: each element of the result is computed from the elements at its own index. A view that shares the
last axis only regroups rows. Both hold for empty slices.
"""

from __future__ import annotations

from rewriter.proof.laws.law import Law
from rewriter.proof.laws.movement.slices import cut
from rewriter.proof.laws.movement.transposes import permute
from rewriter.proof.laws.movement.views import view
from rewriter.proof.laws.terms.sizes import ONE
from rewriter.proof.laws.terms.store import Terms
from rewriter.proof.laws.terms.term import Node

_EXACT = ("Add", "Sub", "Mul", "Div")


def _rewrite(node: Node, terms: Terms) -> int | None:
    dims = terms.dims(node.inputs[0])
    inner = terms.node(node.inputs[0], "view", "permute", *_EXACT)
    if dims is None or inner is None or len(inner.inputs) > 2:
        return None
    if inner.operator == "permute":
        (axis, (first, step), size), perm = node.value(""), inner.value("")
        return permute(terms, cut(terms, inner.inputs[0], perm[axis], first, step, size), perm)
    return _of_view(node, inner, terms) if inner.operator == "view" else _of_operator(node, inner, terms)


def _of_view(node: Node, inner: Node, terms: Terms) -> int | None:
    axis, (first, step), size = node.value("")
    dims, source = inner.value(""), terms.dims(inner.inputs[0])
    if not source or axis != len(dims) - 1 or source[-1] != dims[-1]:
        return None
    part = cut(terms, inner.inputs[0], len(source) - 1, first, step, size)
    return view(terms, part, (*dims[:-1], size))


def _of_operator(node: Node, inner: Node, terms: Terms) -> int | None:
    axis, (first, step), size = node.value("")
    dims = terms.dims(node.inputs[0])
    if dims is None or len(inner.inputs) != 2:
        return None
    parts = []
    for each in inner.inputs:
        shape = terms.dims(each)
        if shape is None:
            return None
        at = axis - len(dims) + len(shape)
        if at < 0 or shape[at] == ONE != dims[axis]:
            parts.append(each)
        elif shape[at] == dims[axis]:
            parts.append(cut(terms, each, at, first, step, size))
        else:
            return None
    return terms.make(inner.on(*parts))


SLICES_WITHIN = Law("slices within", frozenset({"slice"}), _rewrite)
