"""Bytes of tensors as files hold them, in pieces, so that no second copy of a large tensor is in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from rewriter.errors import UsageError
from rewriter.evidence.checkpoint.hashes import is_floating
from rewriter.model.storage.staging import Computed
from rewriter.model.tensors import Array

_ELEMENTS = 1 << 20
"""Maximum elements of a piece, unless one row of a tensor has more."""
_TILE = 32
"""Rows and columns of a tile of a matrix."""


def computed(shape: tuple[int, ...], dtype: np.dtype[Any], make: Callable[[], Array], name: str) -> Computed:
    """Return the bytes of a tensor that is computed when it is written.

    Args:
        shape: its shape.
        dtype: its element type in the file.
        make: computes it; its type may be another floating-point type.
        name: its name in messages.
    """
    length = int(np.prod(shape, dtype=object)) * dtype.itemsize
    return Computed(length, lambda: pieces(make(), shape, dtype, name))


def pieces(array: Array, shape: tuple[int, ...], dtype: np.dtype[Any], name: str) -> Iterator[memoryview]:
    """Yield the bytes of a tensor in the element type of a file.

    Args:
        array: the tensor.
        shape: the shape that it must have.
        dtype: the element type to cast it to.
        name: its name in messages.

    Raises:
        UsageError: it has another shape, or a number outside the range of the type.
    """
    if array.shape != shape:
        raise UsageError(f"{name}: the new tensor has the shape {array.shape}, and the file {shape}")
    lines = array.reshape(-1) if array.ndim < 2 else array
    count = max(1, _ELEMENTS // max(1, lines[:1].size))
    for start in range(0, len(lines), count):
        block = _cast(lines[start : start + count], dtype, name)
        yield _in_order(block).reshape(-1).view(np.uint8).data


def _in_order(block: Array) -> Array:
    """Return a block with its elements in memory in their order.

    A transposed matrix is copied in tiles that fit the cache, which numpy does not do by itself.
    """
    if block.ndim != 2 or block.flags.c_contiguous:
        return np.ascontiguousarray(block)
    made = np.empty(block.shape, block.dtype)
    for row in range(0, block.shape[0], _TILE):
        for column in range(0, block.shape[1], _TILE):
            tile = slice(row, row + _TILE), slice(column, column + _TILE)
            made[tile] = block[tile]
    return made


def _cast(block: Array, dtype: np.dtype[Any], name: str) -> Array:
    if block.dtype == dtype:
        return block
    with np.errstate(all="ignore"):
        made = block.astype(dtype)
    if is_floating(dtype):
        # Types without infinity hold NaN instead.
        there, here = made.astype(np.float64), block.astype(np.float64)
        lost = (np.isinf(there) & ~np.isinf(here)) | (np.isnan(there) & ~np.isnan(here))
    else:
        lost = made != block
    if bool(lost.any()):
        raise UsageError(f"{name}: the new tensor has numbers that {dtype.name} does not hold")
    return made
