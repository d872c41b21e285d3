"""Finds the names of initializers by content, with digests of the tensors in a checkpoint.

Tensors are read one at a time; only digests, the first bytes, name and shape of each are kept. To look up a
tensor of a model takes digests of the tensor, of its transpose and of slices, but no scan of the checkpoint.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from rewriter.evidence.checkpoint.files import tensors_in
from rewriter.evidence.claims import InitializerSlice
from rewriter.model.blocks import blocks_of
from rewriter.model.tensors import Array

_HEAD = 16
"""Number of first bytes of a tensor by which it is found inside of a larger one."""


@dataclass(frozen=True, slots=True)
class StoredTensor:
    """A tensor of a checkpoint.

    A `dull` tensor repeats one simple number (0, 1, 0.5), so its content identifies nothing.
    """

    name: str
    shape: tuple[int, ...]
    dull: bool


@dataclass(frozen=True, slots=True)
class Match:
    """A tensor of the checkpoint that an initializer, or the slice `part` of an initializer, holds."""

    stored: StoredTensor
    transposed: bool = False
    part: InitializerSlice | None = None


@dataclass(frozen=True)
class Index:
    """Digests of the tensors of a checkpoint.

    Attributes:
        count: number of tensors.
        by_digest: (element type, digest of all bytes) -> the tensors with it.
        by_head: (element type, first `_HEAD` bytes) -> shapes of the vectors and matrices that begin with
            them, if their rows are that long.
        sizes: (element type, number of elements) of every tensor, to skip arrays that cannot match.
    """

    count: int
    by_digest: dict[tuple[str, bytes], list[StoredTensor]]
    by_head: dict[tuple[str, bytes], list[tuple[int, ...]]]
    sizes: set[tuple[str, int]]

    def matches(self, array: Array) -> tuple[Match, ...]:
        """Return the tensors that `array` holds: unchanged, transposed, reshaped or concatenated."""
        if (array.dtype.name, array.size) in self.sizes:
            if found := self._same(array):
                return tuple(Match(stored, _lies_across(stored, array)) for stored in found)
            if array.ndim == 2 and (found := self._same(array.T)):
                return tuple(Match(stored, transposed=True) for stored in found)
        if array.ndim == 1:
            return tuple(Match(stored, False, part) for stored, part in self._pieces(array, 0))
        for turned in (False, True) if array.ndim == 2 else ():
            for axis in (0, 1):
                if pieces := self._pieces(array.T if turned else array, axis):
                    return tuple(
                        Match(
                            stored,
                            turned,
                            InitializerSlice(1 - axis, part.start, part.stop) if turned else part,
                        )
                        for stored, part in pieces
                    )
        return ()

    def _same(self, array: Array) -> list[StoredTensor]:
        """Return the tensors with the same elements in the same order: those of the same shape, else all."""
        found = self.by_digest.get((array.dtype.name, _digest(array)), [])
        return [stored for stored in found if stored.shape == array.shape] or found

    def _pieces(self, array: Array, axis: int) -> list[tuple[StoredTensor, InitializerSlice]]:
        """Return the two or more tensors that, concatenated along `axis`, are all of `array`; else []."""
        pieces: list[tuple[StoredTensor, InitializerSlice]] = []
        position, end = 0, array.shape[axis]
        while position < end:
            rest = array[position:] if axis == 0 else array[:, position:]
            found = self._first_piece(rest, axis)
            if found is None:
                return []
            stop = position + found.shape[axis]
            pieces.append((found, InitializerSlice(axis, position, stop)))
            position = stop
        return pieces if len(pieces) > 1 else []

    def _first_piece(self, rest: Array, axis: int) -> StoredTensor | None:
        """Return the longest tensor that `rest` begins with and no other of its shape equals; else None."""
        first_row = rest.reshape(-1) if rest.ndim == 1 else rest[0]
        shapes = self.by_head.get((rest.dtype.name, first_row[: _HEAD // rest.itemsize].tobytes()), ())
        for shape in sorted(set(shapes), key=lambda shape: (-shape[axis] if axis < len(shape) else 0, shape)):
            if len(shape) != rest.ndim or shape[axis] > rest.shape[axis]:
                continue
            if any(a != b for n, (a, b) in enumerate(zip(shape, rest.shape, strict=True)) if n != axis):
                continue
            piece = rest[: shape[0]] if axis == 0 else rest[:, : shape[1]]
            found = self.by_digest.get((rest.dtype.name, _digest(piece)), [])
            same = [stored for stored in found if stored.shape == shape]
            if len(same) == 1:
                return same[0]
        return None


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint file, read on first access to its contents.

    Attributes:
        path: the file.
        seen: matches of external tensors, so that a second analysis of a model does not read them again.
    """

    path: Path
    seen: dict[object, tuple[Match, ...]] = field(default_factory=dict, repr=False, compare=False)
    _indices: dict[frozenset[str], Index] = field(default_factory=dict, repr=False, compare=False)

    def index(self, types: dict[str, np.dtype[Any]]) -> Index:
        """Return the digests of the tensors: unchanged, and of floats also cast to the `types` of a model.

        Raises:
            UnreadableModel: the file cannot be read as a checkpoint.
            UsageError: the file needs torch, which is not installed.
        """
        key = frozenset(types)
        if key not in self._indices:
            self._indices[key] = _index(self.path, types)
        return self._indices[key]


def _index(path: Path, types: dict[str, np.dtype[Any]]) -> Index:
    index = Index(0, {}, {}, set())
    count = 0
    for name, tensor in tensors_in(path):
        count += 1
        _add(index, name, tensor, types)
        del tensor  # before the next one is read
    return Index(count, index.by_digest, index.by_head, index.sizes)


def _add(index: Index, name: str, tensor: Array, types: dict[str, np.dtype[Any]]) -> None:
    stored = StoredTensor(name, tensor.shape, _is_dull(tensor))
    for array in _casts(tensor, types):
        element = array.dtype.name
        index.by_digest.setdefault((element, _digest(array)), []).append(stored)
        index.sizes.add((element, array.size))
        if array.ndim in (1, 2) and array.shape[-1] * array.itemsize >= _HEAD:
            head = array.reshape(-1)[: _HEAD // array.itemsize].tobytes()
            index.by_head.setdefault((element, head), []).append(array.shape)


def _is_dull(tensor: Array) -> bool:
    """Whether a tensor repeats one integer, or one number exact in float16: many files have such tensors."""
    first = tensor.reshape(-1)[:1]
    if not all(bool((first == block).all()) for block in blocks_of(tensor)):
        return False
    with np.errstate(all="ignore"):
        return not is_floating(tensor.dtype) or bool(first.astype(np.float16).astype(first.dtype) == first)


def _lies_across(stored: StoredTensor, array: Array) -> bool:
    """Whether a row became a column or the reverse: a transpose with the same bytes in the same order."""
    return array.ndim == 2 and array.shape != stored.shape == array.shape[::-1] and 1 in array.shape


def _casts(tensor: Array, types: dict[str, np.dtype[Any]]) -> Iterator[Array]:
    yield tensor
    if is_floating(tensor.dtype):
        for element in types.values():
            if element != tensor.dtype:
                with np.errstate(all="ignore"):
                    yield tensor.astype(element)


def is_floating(element: np.dtype[Any]) -> bool:
    """Whether a type is a floating-point type; numpy does not count bfloat16 and float8 as such."""
    return "float" in element.name


def _digest(array: Array) -> bytes:
    found = hashlib.blake2b(digest_size=16)
    for block in blocks_of(array):
        found.update(block.reshape(-1).view(np.uint8).data)
    return found.digest()
