"""The law of casts: to the own type they do nothing, and one without loss can be undone or widened.

Statement: Cast(x, its own type) = x; Cast(Cast(x, b), c) = Cast(x, c) if every value of x's type is one of
b, and c is x's type or has every value of b, too.
Side conditions: all types are integers, or all are float16, float32 or float64.
Argument: the first cast keeps the value exactly, for -0.0, infinities and denormals too, so that the
second is exact on the same value. A NaN stays a NaN; payloads are no part of *equal*.
"""

from __future__ import annotations

from onnx import TensorProto

from rewriter.proof.laws.law import Law
from rewriter.proof.laws.terms.store import Terms
from rewriter.proof.laws.terms.term import Node

_RANGES: dict[int, tuple[int, int]] = {
    **{
        getattr(TensorProto, f"INT{bits}"): (-(1 << bits - 1), (1 << bits - 1) - 1)
        for bits in (8, 16, 32, 64)
    },
    **{getattr(TensorProto, f"UINT{bits}"): (0, (1 << bits) - 1) for bits in (8, 16, 32, 64)},
}
_WIDTHS: dict[int, int] = {TensorProto.FLOAT16: 16, TensorProto.FLOAT: 32, TensorProto.DOUBLE: 64}


def is_wider(narrow: int, wide: int) -> bool:
    """Whether an element type has every value of another."""
    if narrow in _WIDTHS and wide in _WIDTHS:
        return _WIDTHS[narrow] <= _WIDTHS[wide]
    if narrow in _RANGES and wide in _RANGES:
        (least, most), (low, high) = _RANGES[narrow], _RANGES[wide]
        return low <= least and most <= high
    return False


def _rewrite(node: Node, terms: Terms) -> int | None:
    source, wanted = terms.element(node.inputs[0]), node.value("to")
    if source is None:
        return None
    if source == wanted:
        return node.inputs[0]
    if (inner := terms.node(node.inputs[0], "Cast")) is None:
        return None
    first = terms.element(inner.inputs[0])
    if first is not None and is_wider(first, source) and (wanted == first or is_wider(source, wanted)):
        return terms.make(node.on(inner.inputs[0]))
    return None


CASTS = Law("casts", frozenset({"Cast"}), _rewrite)
