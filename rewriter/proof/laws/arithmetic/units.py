"""The law of units: multiplication by 1, division by 1, and adding a zero that changes no sign.

Statement: x*1 = 1*x = x/1 = x; x - 0 = x for the zero +0.0; x + (-0.0) = x; for integers x + 0 = x - 0 =
x; And(x, true) = Or(x, false) = x.
Side conditions: every element of the constant is that unit (for floats in all bits), and broadcasting
leaves the shape of x.
Argument: IEEE 754 defines these results as x for infinities, zeros of both signs and denormals; a
signalling NaN becomes quiet, and payloads are no part of *equal*. x + (+0.0) turns -0.0 into +0.0, so it
is not in this law.
"""

from __future__ import annotations

import numpy as np

from rewriter.proof.laws.law import Law
from rewriter.proof.laws.terms.store import Terms
from rewriter.proof.laws.terms.term import FLOATS, INTEGERS, Array, Node, same_bits

_UNITS: dict[str, tuple[float, tuple[int, ...]]] = {
    "Mul": (1.0, (0, 1)),
    "Div": (1.0, (1,)),
    "Sub": (0.0, (1,)),
    "Add": (-0.0, (0, 1)),
    "And": (1.0, (0, 1)),
    "Or": (0.0, (0, 1)),
}
"""Operator -> its unit, and the positions of the unit."""


def _rewrite(node: Node, terms: Terms) -> int | None:
    unit, positions = _UNITS[node.operator]
    dims = terms.dims_of(node) if len(node.inputs) == 2 else None
    if dims is None:
        return None
    for at in positions:
        other = node.inputs[1 - at]
        if terms.dims(other) == dims and terms.is_constant(node.inputs[at]):
            array = terms.array(node.inputs[at])
            if array is not None and _all_are(array, unit, terms.element(node.inputs[at])):
                return other
    return None


def _all_are(array: Array, unit: float, element: int | None) -> bool:
    if element in FLOATS:
        return same_bits(array, np.full_like(array, unit))
    wanted = np.full_like(array, bool(unit) if array.dtype == np.bool_ else int(unit))
    return (element in INTEGERS or array.dtype == np.bool_) and same_bits(array, wanted)


UNITS = Law("units", frozenset(_UNITS), _rewrite)
