"""Shapes of results of convolutions, pools and pads."""

from __future__ import annotations

from rewriter.proof.laws.terms.sizes import ONE, Dims, Size, number
from rewriter.proof.laws.terms.store import Terms
from rewriter.proof.laws.terms.term import ABSENT, Node

Open = tuple[Size | None, ...]


def conv(node: Node, dims: Dims, terms: Terms) -> Open | None:
    """Return the shape of a Conv's result."""
    weight = terms.dims(node.inputs[1])
    if weight is None or len(weight) != len(dims) or len(dims) < 3:
        return None
    kernel = [size.number for size in weight[2:]]
    stated = node.value("kernel_shape")
    if stated is not None and list(stated) != kernel:
        return (dims[0], weight[0], *(None for _ in dims[2:]))
    return dims[0], weight[0], *_slid(node, dims[2:], kernel)


def pool(node: Node, dims: Dims, terms: Terms) -> Open | None:
    """Return the shape of the first result of a pool."""
    kernel = node.value("kernel_shape")
    if kernel is None or len(kernel) + 2 != len(dims):
        return None
    if node.value("ceil_mode"):
        return dims[0], dims[1], *(None for _ in kernel)
    return dims[0], dims[1], *_slid(node, dims[2:], list(kernel))


def whole(node: Node, dims: Dims, terms: Terms) -> Open | None:
    """Return the shape of a pool over all positions."""
    return *dims[:2], *(ONE for _ in dims[2:])


def pad(node: Node, dims: Dims, terms: Terms) -> Open | None:
    """Return the shape of a Pad's result."""
    pads = node.value("pads")
    if pads is None and node.input(1) != ABSENT:
        pads = terms.numbers(node.inputs[1])
    if pads is None or node.input(3) != ABSENT or len(pads) != 2 * len(dims):
        return tuple(None for _ in dims)
    return tuple(
        dim + number(before + after)
        for dim, before, after in zip(dims, pads[: len(dims)], pads[len(dims) :], strict=True)
    )


def _slid(node: Node, dims: Dims, kernel: list[int | None]) -> Open:
    """Return the numbers of positions of a window; None for each that depends on a symbol."""
    count = len(dims)
    strides = node.value("strides") or (1,) * count
    dilations = node.value("dilations") or (1,) * count
    pads = node.value("pads") or (0,) * 2 * count
    if node.value("auto_pad", b"NOTSET") != b"NOTSET" or len(pads) != 2 * count or len(strides) != count:
        return tuple(None for _ in dims)
    found: list[Size | None] = []
    for at, dim in enumerate(dims):
        size, width = dim.number, kernel[at]
        if size is None or width is None or strides[at] < 1:
            found.append(None)
            continue
        room = size + pads[at] + pads[count + at] - (dilations[at] * (width - 1) + 1)
        found.append(number(room // strides[at] + 1) if room >= 0 else None)
    return tuple(found)


def conv_transpose(node: Node, dims: Dims, terms: Terms) -> Open | None:
    """Return the shape of a ConvTranspose's result, whose positions are left open."""
    weight = terms.dims(node.inputs[1])
    if weight is None or len(weight) != len(dims) or len(dims) < 3:
        return None
    return dims[0], weight[1] * number(node.value("group", 1)), *(None for _ in dims[2:])
