"""The checkpoint that was exported, and numbers that stand for the contents of its tensors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rewriter.evidence.checkpoint.hashes import is_floating
from rewriter.model.tensors import Array

Words = NDArray[np.uint64]

FEW = 4
"""Elements below which equal content may be chance."""
_NEARLY = 1e-5
_PARTS = 8
"""Whole multiples of one part in so many occur everywhere: sizes, halves, coordinates of pixels."""
_CHUNK = 1 << 20
"""Elements that are mixed at a time, so that the temporary arrays stay small."""


class Old(Protocol):
    """A checkpoint: the shape of every key, and its tensor on demand."""

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Key -> shape of its tensor."""

    def read(self, key: str) -> Array:
        """Return the tensor of a key."""


def words_of(array: Array) -> Words:
    """Return the bits of each element as a whole number, in the order of the elements."""
    flat = np.ascontiguousarray(array).reshape(-1)
    return flat.view(f"u{flat.itemsize}").astype(np.uint64)


def mixed(words: Words) -> Words:
    """Return well-spread numbers for numbers (the finaliser of splitmix64)."""
    words = words + np.uint64(0x9E3779B97F4A7C15)
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    words ^= words >> np.uint64(31)
    return words


def mark(array: Array) -> tuple[str, int, int]:
    """Return a key that arrays with the same elements in any order share: type, size, sum of mixed bits."""
    flat = np.ascontiguousarray(array).reshape(-1)
    total = 0
    for start in range(0, flat.size, _CHUNK):
        total += int(mixed(words_of(flat[start : start + _CHUNK])).sum(dtype=np.uint64))
    return flat.dtype.name, flat.size, total % (1 << 64)


def row_marks(rows: Array) -> Words:
    """Return a number for each row of a matrix; equal rows have equal numbers."""
    weights = mixed(np.arange(rows.shape[1], dtype=np.uint64)) | np.uint64(1)
    step = max(1, _CHUNK // max(1, rows.shape[1]))
    marks = [
        (mixed(words_of(part)).reshape(part.shape) * weights).sum(axis=1, dtype=np.uint64)
        for part in (rows[start : start + step] for start in range(0, len(rows), step))
    ]
    return np.concatenate(marks) if marks else np.zeros(0, np.uint64)


def squeezed(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return a shape without the dimensions of size 1; they do not change the order of elements."""
    return tuple(size for size in shape if size != 1)


def is_dull(array: Array) -> bool:
    """Whether all elements of a tensor are nearly the same number, so that its content identifies nothing."""
    flat = array.reshape(-1)
    low, high = float(flat.min()), float(flat.max())
    return high - low <= _NEARLY * max(abs(low), abs(high)) or low == high


def is_simple(array: Array) -> bool:
    """Whether a tensor has only numbers that occur everywhere: whole multiples of an eighth."""
    flat = array.reshape(-1)
    for start in range(0, flat.size, _CHUNK):
        eighths = flat[start : start + _CHUNK].astype(np.float64) * _PARTS
        if not bool((eighths == np.rint(eighths)).all()):
            return False
    return True


class OldWeights:
    """The floating-point tensors of a checkpoint, in the element types that the model stores.

    Attributes:
        types: the floating-point types of the model.
        shapes: key -> shape, without empty tensors.
    """

    def __init__(self, old: Old, types: tuple[np.dtype[Any], ...]) -> None:
        self._old = old
        self.types = types
        self.shapes = {key: tuple(shape) for key, shape in old.shapes.items() if prod(shape)}
        self._floats: dict[str, bool] = {}

    def read(self, key: str) -> Array:
        """Return the tensor of a key as the checkpoint holds it."""
        array = self._old.read(key)
        self._floats[key] = is_floating(array.dtype)
        return array

    def is_float(self, key: str) -> bool:
        """Whether the tensor of a key has a floating-point type."""
        if key not in self._floats:
            self.read(key)
        return self._floats[key]

    def casts(self, array: Array) -> Iterator[Array]:
        """Yield a tensor in each floating-point type of the model."""
        for element in self.types:
            with np.errstate(all="ignore"):
                yield array.astype(element, copy=False)
