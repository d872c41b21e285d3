"""The law of biases: a sum after a convolution is part of its bias, and a factor part of its weight.

Statement: Conv(x, w, b) + c = Conv(x, w, b + c), Conv(x, w, b) * c = Conv(x, w*c, b*c), with one number c
per channel, or one for all; an absent b is 0; Conv(x, w, 0) = Conv(x, w).
Side conditions: b, c, and for a factor w, are constants of float32 or float64, all finite; the shape of
the result is that of the convolution.
Argument: true for real numbers. The new constants count as those of the files within 4u of the sum of the
absolute values of their terms, else they are rounded once. So the sides differ by at most (2K+12)u times
the sum of the absolute values of the K+2 terms.
"""

from __future__ import annotations

import numpy as np

from rewriter.proof.laws.law import Law
from rewriter.proof.laws.linear.exact import channel_shape, exact
from rewriter.proof.laws.terms.store import Terms
from rewriter.proof.laws.terms.term import ABSENT, Array, Node


def _rewrite(node: Node, terms: Terms) -> int | None:
    if node.operator == "Conv":
        bias = exact(node.input(2), terms) if node.input(2) != ABSENT else None
        return terms.make(node.on(*node.inputs[:2])) if bias is not None and not bias.any() else None
    for at in (0, 1):
        conv, other = terms.node(node.inputs[at], "Conv"), node.inputs[1 - at]
        dims = terms.dims(node.inputs[at])
        if conv is not None and dims is not None and terms.dims_of(node) == dims:
            number = _per_channel(exact(other, terms), len(dims))
            bias = np.zeros(1) if conv.input(2) == ABSENT else exact(conv.inputs[2], terms)
            if number is not None and bias is not None:
                return _joined(node.operator, conv, bias, number, other, terms)
    return None


def _per_channel(constant: Array | None, rank: int) -> Array | None:
    """Return a constant as one number per channel, or one number; None if it varies along other axes."""
    if constant is None or constant.size == 1:
        return None if constant is None else constant.reshape(1)
    shape = (1,) * (rank - constant.ndim) + constant.shape
    return constant.reshape(-1) if shape[1] == constant.size else None


def _joined(operator: str, conv: Node, bias: Array, number: Array, like: int, terms: Terms) -> int | None:
    weight = exact(conv.inputs[1], terms)
    if weight is None or {bias.size, number.size} - {1, weight.shape[0]}:
        return None
    channels = np.zeros(weight.shape[0])
    if operator == "Add":
        made = terms.near(channels + bias + number, like, channels + np.abs(bias) + np.abs(number), 4)
        return None if made is None else terms.make(conv.on(*conv.inputs[:2], made))
    scaled = weight * (channels + number).reshape(channel_shape(weight))
    matrix = terms.near(scaled, conv.inputs[1], np.abs(scaled), 4)
    made = terms.near(channels + bias * number, like, np.abs(channels + bias * number), 4)
    return None if made is None or matrix is None else terms.make(conv.on(conv.inputs[0], matrix, made))


CONV_BIAS = Law(
    "bias of a convolution",
    frozenset({"Add", "Mul", "Conv"}),
    _rewrite,
    rounds="(2K+12)u of the sum of the absolute values of its K+2 terms",
)
