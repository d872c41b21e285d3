"""Kind: a tensor with the elements of one key in another order of axes or in another shape.

A sum over the mixed bits of all elements, which is the same in any order, finds it. Verified by a digest of
all bits. All orders of axes that fit are candidates: a matrix of zeros is its own transpose, the new one is
not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import permutations
from typing import NamedTuple

import numpy as np

from rewriter.checkpoints.content.old import OldWeights, mark, squeezed
from rewriter.checkpoints.formula import Formula, Key, Permuted, Reshaped
from rewriter.model.blocks import blocks_of
from rewriter.model.tensors import Array

_MOST_AXES = 5
_HEAD = 64


class _Known(NamedTuple):
    """Tensor of a checkpoint by its shape, its first elements as bytes, and a digest of all its bytes."""

    key: str
    shape: tuple[int, ...]
    head: bytes
    digest: bytes


class SameElements:
    """Index of a checkpoint by the elements of its tensors; no tensor is read a second time."""

    def __init__(self, old: OldWeights) -> None:
        self._old = old
        self._known: dict[tuple[str, int, int], list[_Known]] = {}
        for key in old.shapes:
            self._add(key)

    def _add(self, key: str) -> None:
        tensor = self._old.read(key)
        if self._old.is_float(key):
            for array in self._old.casts(tensor):
                known = _Known(key, tensor.shape, _head(array), _digest(array))
                self._known.setdefault(mark(array), []).append(known)

    def find(self, target: Array) -> list[Formula]:
        """Return the formulas of one key that give all elements of the target."""
        return [formula for known in self._known.get(mark(target), ()) for formula in _layouts(known, target)]


def _layouts(known: _Known, target: Array) -> Iterator[Formula]:
    """Yield the formulas that give the target from a tensor with the same elements."""
    shape = squeezed(known.shape)
    for axes in orders(shape):
        back = tuple(axes.index(axis) for axis in range(len(axes)))
        plain = target.reshape([shape[axis] for axis in axes]).transpose(back)
        if _head(plain) == known.head and _digest(plain) == known.digest:
            yield placed(Key(known.key), known.shape, axes, target.shape)


def _head(array: Array) -> bytes:
    return np.array(array.flat[:_HEAD]).tobytes()


def _digest(array: Array) -> bytes:
    """Return a digest of the bytes of all elements in their order, without a copy of the array."""
    found = hashlib.blake2b(digest_size=16)
    for block in blocks_of(array):
        found.update(block.reshape(-1).view(np.uint8).data)
    return found.digest()


def orders(shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Yield the orders of axes of a tensor without unit dimensions, the given one first."""
    axes = tuple(range(len(shape)))
    return iter(permutations(axes)) if len(axes) <= _MOST_AXES else iter([axes])


def placed(
    formula: Formula, shape: tuple[int, ...], axes: tuple[int, ...], wanted: tuple[int, ...]
) -> Formula:
    """Return a formula of `shape` with the axes of its squeezed shape in another order, in a wanted shape."""
    inner = squeezed(shape)
    if axes != tuple(range(len(axes))):
        formula = formula if inner == shape else Reshaped(formula, inner)
        formula, shape = Permuted(formula, axes), tuple(inner[axis] for axis in axes)
    return formula if shape == wanted else Reshaped(formula, wanted)


def same_bits(left: Array, right: Array) -> bool:
    """Whether two arrays have the same elements in the same order, whatever their shapes."""
    if left.size != right.size or left.dtype != right.dtype:
        return False
    word = f"u{left.dtype.itemsize}"
    if not np.array_equal(np.array(left.flat[:_HEAD]).view(word), np.array(right.flat[:_HEAD]).view(word)):
        return False
    blocks = zip(blocks_of(left), blocks_of(right.reshape(left.shape)), strict=True)
    return all(
        np.array_equal(ours.reshape(-1).view(word), theirs.reshape(-1).view(word)) for ours, theirs in blocks
    )


def restored(
    formula: Formula, shape: tuple[int, ...], axes: tuple[int, ...], wanted: tuple[int, ...]
) -> Formula:
    """Return the formula of a tensor for a formula of its elements with its axes in another order.

    Args:
        formula: gives the elements of the squeezed tensor, transposed by `axes`, in any shape.
        shape: the squeezed shape of the tensor.
        axes: the order of its axes in `formula`.
        wanted: the shape of the tensor.
    """
    back = tuple(axes.index(axis) for axis in range(len(axes)))
    if back == axes == tuple(range(len(axes))):
        return Reshaped(formula, wanted)
    formula = Permuted(Reshaped(formula, tuple(shape[axis] for axis in axes)), back)
    return formula if shape == wanted else Reshaped(formula, wanted)
