"""The law of folded batch norms: a BatchNormalization after a convolution is part of its weight and bias.

Statement: BatchNormalization(Conv(x, w, b), s, o, m, v) = Conv(x, w*r, (b - m)*r + o) with r = s / sqrt(v
+ epsilon) per output channel; an absent b is 0.
Side conditions: w, b, s, o, m and v are constants of float32 or float64, all finite, and v + epsilon is
above 0; the node is in inference.
Argument: both sides are the same affine function of x for real numbers. The new weight counts as the
constant of the files that is within 8u of it in every element, the new bias within 8u of the sum of the
absolute values of its terms; else each is rounded once. So the sides differ by at most (2K+20)u times the
sum of the absolute values of the terms.
"""

from __future__ import annotations

import numpy as np

from rewriter.proof.laws.law import Law
from rewriter.proof.laws.linear.exact import channel_shape, exact
from rewriter.proof.laws.terms.store import Terms
from rewriter.proof.laws.terms.term import ABSENT, Node

_VERSIONS = (9, 14, 15)
"""Versions without the attribute `spatial`."""


def _rewrite(node: Node, terms: Terms) -> int | None:
    conv = terms.node(node.inputs[0], "Conv")
    if conv is None or node.version not in _VERSIONS or node.value("training_mode", 0):
        return None
    weight, *norm = (exact(each, terms) for each in (conv.inputs[1], *node.inputs[1:5]))
    bias = np.zeros(1) if conv.input(2) == ABSENT else exact(conv.inputs[2], terms)
    if weight is None or bias is None or any(each is None for each in norm):
        return None
    scale, offset, mean, variance = (each for each in norm if each is not None)
    if any(each.shape != weight.shape[:1] for each in (scale, offset, mean, variance)):
        return None
    spread = variance + node.value("epsilon")
    if not (spread > 0).all():
        return None
    ratio = scale / np.sqrt(spread)
    new_weight = weight * ratio.reshape(channel_shape(weight))
    terms_of_bias = (np.abs(bias) + np.abs(mean)) * np.abs(ratio) + np.abs(offset)
    made = (
        terms.near(new_weight, conv.inputs[1], np.abs(new_weight)),
        terms.near((bias - mean) * ratio + offset, node.inputs[2], terms_of_bias),
    )
    return None if None in made else terms.make(conv.on(conv.inputs[0], *(each or 0 for each in made)))


CONV_NORM = Law(
    "folded batch norm",
    frozenset({"BatchNormalization"}),
    _rewrite,
    rounds="(2K+20)u of the sum of the absolute values of its K+1 terms",
)
