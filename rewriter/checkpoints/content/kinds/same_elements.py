"""Kind: a tensor with the elements of one key in another order of axes or in another shape.

A sum over the mixed bits of all elements, which is the same in any order, finds it. Verified bit for bit. All
orders of axes that fit are candidates: a matrix of zeros is its own transpose, the new one is not.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

import numpy as np

from rewriter.checkpoints.content.old import OldWeights, mark, squeezed
from rewriter.checkpoints.formula import Formula, Key, Permuted, Reshaped
from rewriter.model.tensors import Array

_MOST_AXES = 5
_HEAD = 64


class SameElements:
    """Index of a checkpoint by the elements of its tensors."""

    def __init__(self, old: OldWeights) -> None:
        self._old = old
        self._keys: dict[tuple[str, int, int], list[str]] = {}
        for key, tensor in old.tensors():
            for array in old.casts(tensor):
                self._keys.setdefault(mark(array), []).append(key)

    def find(self, target: Array) -> list[Formula]:
        """Return the formulas of one key that give all elements of the target."""
        found: list[Formula] = []
        for key in self._keys.get(mark(target), ()):
            with np.errstate(all="ignore"):
                array = self._old.read(key).astype(target.dtype, copy=False)
            found += layouts(Key(key), array, target)
        return found


def layouts(formula: Formula, array: Array, target: Array) -> Iterator[Formula]:
    """Yield the formulas that give the target from `formula`, whose value is `array`."""
    for axes in orders(squeezed(array.shape)):
        turned = array.reshape(squeezed(array.shape)).transpose(axes)
        if same_bits(turned, target):
            yield placed(formula, array.shape, axes, target.shape)


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
    flat, other = (np.ascontiguousarray(each).reshape(-1).view(word) for each in (left, right))
    return np.array_equal(flat, other)


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
