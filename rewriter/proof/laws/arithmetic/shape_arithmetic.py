"""The law of shape arithmetic: integers computed from shapes equal the polynomials that they stand for.

Statement: Shape, Size, and on int64 scalars and lists of known sizes Gather, Slice, Concat, Squeeze,
Unsqueeze, Reshape, Add, Sub, Mul, Div, Cast and Where equal the list of the resulting sizes.
Side conditions: the elements are polynomials over the sizes of the inputs' dimensions; indices and bounds
are numbers; Div has a numerator of at least 0 and a divisor above 0, both numbers.
Argument: int64 wraps modulo 2**64, and sums and products of polynomials hold there; a number outside of
int64 is not evaluated. A size has one value in a run, since it is the size of one term.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from onnx import TensorProto

from rewriter.proof.laws.law import Law
from rewriter.proof.laws.movement.slices import bounds_of
from rewriter.proof.laws.terms.sizes import Size, number, product
from rewriter.proof.laws.terms.store import Terms
from rewriter.proof.laws.terms.term import Node

_LIMIT = 1 << 63
_MOST_PARTS = 64
"""Maximum number of products in a polynomial, to limit the time."""
Found = tuple[Sequence[Size], int] | None
"""Elements, and the rank: 0 or 1."""


def _rewrite(node: Node, terms: Terms) -> int | None:
    if node.operator == "Equal":
        return _equal(node, terms)
    found = _RULES[node.operator](node, terms)
    if found is None:
        return None
    sizes, rank = found
    if any(len(size.parts) > _MOST_PARTS for size in sizes):
        return None
    if any(abs(count) >= _LIMIT for size in sizes for _, count in size.parts):
        return None
    return terms.sizes(sizes, rank)


def _list(terms: Terms, term: int) -> Found:
    sizes, dims = terms.integers(term), terms.dims(term)
    return None if sizes is None or dims is None else (sizes, len(dims))


def _shape(node: Node, terms: Terms) -> Found:
    dims = terms.dims(node.inputs[0])
    return None if dims is None else (dims[slice(node.value("start", 0), node.value("end"))], 1)


def _size(node: Node, terms: Terms) -> Found:
    dims = terms.dims(node.inputs[0])
    return None if dims is None else ([product(dims)], 0)


def _gather(node: Node, terms: Terms) -> Found:
    data, places = _list(terms, node.inputs[0]), terms.numbers(node.inputs[1])
    dims = terms.dims(node.inputs[1])
    if data is None or data[1] != 1 or places is None or dims is None or len(dims) > 1:
        return None
    sizes = data[0]
    if any(not -len(sizes) <= at < len(sizes) for at in places):
        return None
    return [sizes[at] for at in places], len(dims)


def _slice(node: Node, terms: Terms) -> Found:
    data, bounds = _list(terms, node.inputs[0]), bounds_of(node, terms)
    if data is None or data[1] != 1 or bounds is None or [len(each) for each in bounds] != [1, 1, 1, 1]:
        return None
    (start,), (end,), (axis,), (step,) = bounds
    return (data[0][start:end:step], 1) if step > 0 and axis in (0, -1) else None


def _concat(node: Node, terms: Terms) -> Found:
    parts = [_list(terms, each) for each in node.inputs]
    if any(part is None or part[1] != 1 for part in parts):
        return None
    return [size for part in parts if part is not None for size in part[0]], 1


def _moved(node: Node, terms: Terms) -> Found:
    data, dims = _list(terms, node.inputs[0]), terms.dims_of(node)
    return None if data is None or dims is None or len(dims) > 1 else (data[0], len(dims))


def _computed(operate: Callable[[Size, Size], Size | None]) -> Callable[[Node, Terms], Found]:
    def rule(node: Node, terms: Terms) -> Found:
        if len(node.inputs) != 2:
            return None
        left, right = (_list(terms, each) for each in node.inputs)
        if left is None or right is None:
            return None
        count = max(len(left[0]), len(right[0])) if left[0] and right[0] else 0
        if any(len(each[0]) not in (1, count) for each in (left, right)):
            return None
        results = []
        for at in range(count):
            result = operate(*(each[0][at if len(each[0]) > 1 else 0] for each in (left, right)))
            if result is None:
                return None
            results.append(result)
        return results, max(left[1], right[1])

    return rule


def _divide(left: Size, right: Size) -> Size | None:
    over, under = left.number, right.number
    return (
        number(over // under) if over is not None and under is not None and over >= 0 and under > 0 else None
    )


def _equal(node: Node, terms: Terms) -> int | None:
    """Return which sizes are equal, as a constant; None if that depends on a symbol."""
    found = _computed(lambda left, right: left - right)(node, terms)
    if found is None:
        return None
    truths = [_is_zero(difference) for difference in found[0]]
    return None if None in truths else terms.constant(np.array(truths).reshape((len(truths),) * found[1]))


def _is_zero(difference: Size) -> bool | None:
    if difference.number is not None:
        return difference.number == 0
    constant = dict(difference.parts).get((), 0)
    rest = difference - number(constant)
    apart = (constant > 0 and rest.is_natural) or (constant < 0 and (number(0) - rest).is_natural)
    return False if apart else None


def _where(node: Node, terms: Terms) -> Found:
    chosen = terms.array(node.inputs[0]) if terms.is_constant(node.inputs[0]) else None
    left, right = (_list(terms, each) for each in node.inputs[1:])
    if chosen is None or left is None or right is None:
        return None
    count = len(left[0])
    if chosen.shape != (count,) or len(right[0]) != count or (left[1], right[1]) != (1, 1):
        return None
    return [left[0][at] if chosen[at] else right[0][at] for at in range(count)], 1


def _cast(node: Node, terms: Terms) -> Found:
    return _list(terms, node.inputs[0]) if node.value("to") == TensorProto.INT64 else None


_RULES: dict[str, Callable[[Node, Terms], Found]] = {
    "Shape": _shape,
    "Size": _size,
    "Gather": _gather,
    "Slice": _slice,
    "Concat": _concat,
    **dict.fromkeys(("Squeeze", "Unsqueeze", "Reshape"), _moved),
    "Add": _computed(lambda left, right: left + right),
    "Sub": _computed(lambda left, right: left - right),
    "Mul": _computed(lambda left, right: left * right),
    "Div": _computed(_divide),
    "Cast": _cast,
    "Where": _where,
}
SHAPE_ARITHMETIC = Law("shape arithmetic", frozenset(_RULES) | {"Equal"}, _rewrite)
