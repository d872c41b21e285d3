"""Cuts arrays into contiguous blocks, so that no second copy of a large transposed array is in memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from rewriter.model.tensors import Array

_ELEMENTS = 1 << 20
"""Maximum elements of a block, unless one line along the first axis has more."""


def blocks_of(array: Array) -> Iterator[Array]:
    """Yield the elements of an array in their order, in contiguous blocks along its first axis."""
    lines = array.reshape(1) if not array.ndim else array
    count = max(1, _ELEMENTS // max(1, lines[:1].size))
    for start in range(0, len(lines), count):
        yield np.ascontiguousarray(lines[start : start + count])
