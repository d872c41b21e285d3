"""The law of padded convolutions: zeros around the input are the padding of the convolution.

Statement: Conv(Pad(x, p), w, b) with pads q equals Conv(x, w, b) with pads p + q.
Side conditions: the Pad writes the constant 0, along spatial axes alone, and takes nothing away; the
convolution states its pads; w is a constant and finite.
Argument: ONNX defines the padding of Conv as zeros, so both sides add the same products; those with zeros
are zeros, since w is finite. Kernels may leave these out and add in another order: the sides differ by at
most 2Ku times the sum of the absolute values of the products.
"""

from __future__ import annotations

from dataclasses import replace

from rewriter.proof.laws.law import Law
from rewriter.proof.laws.linear.exact import exact
from rewriter.proof.laws.terms.store import Terms
from rewriter.proof.laws.terms.term import ABSENT, Node

_PAD_BY_INPUTS = 11


def _rewrite(node: Node, terms: Terms) -> int | None:
    pad, own = terms.node(node.inputs[0], "Pad"), node.value("pads")
    if (
        pad is None
        or own is None
        or node.value("auto_pad") != b"NOTSET"
        or exact(node.inputs[1], terms) is None
    ):
        return None
    pads = _zeros_around(pad, len(own) // 2 + 2, terms)
    if pads is None:
        return None
    half = len(pads) // 2
    spatial = (*pads[2:half], *pads[half + 2 :])
    total = tuple(before + after for before, after in zip(own, spatial, strict=True))
    attributes = tuple(
        (name, kind, total if name == "pads" else value) for name, kind, value in node.attributes
    )
    return terms.make(replace(node, attributes=attributes, inputs=(pad.inputs[0], *node.inputs[1:])))


def _zeros_around(pad: Node, rank: int, terms: Terms) -> tuple[int, ...] | None:
    """Return the pads of a Pad that writes zeros around spatial axes; None for another."""
    if pad.version < _PAD_BY_INPUTS or pad.value("mode") != b"constant" or pad.input(3) != ABSENT:
        return None
    pads = terms.numbers(pad.inputs[1])
    if pad.input(2) != ABSENT and not terms.is_constant(pad.inputs[2]):
        return None
    value = terms.array(pad.inputs[2]) if pad.input(2) != ABSENT else None
    if pads is None or len(pads) != 2 * rank or min(pads) < 0 or (value is not None and value.any()):
        return None
    return None if any(pads[:2]) or any(pads[rank : rank + 2]) else pads


CONV_PAD = Law(
    "padded convolution",
    frozenset({"Conv"}),
    _rewrite,
    rounds="2Ku of the sum of the absolute values of its K products",
)
