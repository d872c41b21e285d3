"""The law of expands: they compose, and one that changes no shape does nothing.

Statement: Expand(x, s) = expand(x, dims), with the shape to which x and s are broadcast; expand(expand(x,
a), b) = expand(x, b); expand(x, the shape of x) = x.
Side conditions: each size of the result is certain.
Argument: an element of the result is x at the same index, with 0 on the axes where x has size 1. Two steps
compose, since an axis that the second step widens had size 1 before. An empty axis stays empty.
"""

from __future__ import annotations

import math

import numpy as np

from rewriter.proof.laws.law import Law
from rewriter.proof.laws.terms.broadcasting import broadcast
from rewriter.proof.laws.terms.sizes import Size
from rewriter.proof.laws.terms.store import Terms
from rewriter.proof.laws.terms.term import Node, normal

_MOST = 1 << 24
"""Maximum number of elements of a constant that is expanded."""


def _rewrite(node: Node, terms: Terms) -> int | None:
    wanted, dims = terms.integers(node.inputs[1]), terms.dims(node.inputs[0])
    if wanted is None or dims is None or not all(each.is_natural for each in wanted):
        return None
    shape = broadcast([dims, wanted])
    if shape is None or None in shape:
        return None
    known = tuple(dim for dim in shape if isinstance(dim, Size))
    source = node.inputs[0]
    if (inner := terms.node(source, "expand")) is not None:
        (source,) = inner.inputs
    if terms.dims(source) == known:
        return source
    numbers = [dim.number or 0 for dim in known]
    array = terms.array(source) if all(dim.number is not None for dim in known) else None
    if array is not None and math.prod(numbers) <= _MOST:
        return terms.constant(np.broadcast_to(array, numbers))
    return terms.keep(normal("expand", known, source))


EXPANDS = Law("expands", frozenset({"Expand"}), _rewrite)
