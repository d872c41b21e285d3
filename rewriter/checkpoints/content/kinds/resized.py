"""Kind: a grid of positions that was resized, with the rows before the grid (class tokens) as they are.

Torch's `interpolate` is a matrix for each of the two axes. Every way to see the rows of key and target as
grids is tried on a few columns, for the usual modes. Verified on all elements up to rounding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

import numpy as np

from rewriter.checkpoints.content.kinds.same_elements import restored
from rewriter.checkpoints.content.old import FEW, OldWeights, squeezed
from rewriter.checkpoints.content.rounding import is_close
from rewriter.checkpoints.formula import Formula, Read
from rewriter.model.tensors import Array

_MOST_TOKENS = 4
_COLUMNS = 4
_TERMS = 8
"""Roundings of the weighted sums, relative to the largest element, in units of those of one operation."""

Grid = tuple[int, int]


@dataclass(frozen=True, slots=True)
class ResizedGrid:
    """Rows of a key as a grid, resized as torch's `interpolate` does.

    Attributes:
        key: the positions; their last axis is `width`.
        width: size of a position.
        tokens: number of rows before the grid; the first `kept` of them come before the resized grid.
        kept: see `tokens`.
        old: rows and columns of the grid.
        new: rows and columns after resizing.
        mode: `bilinear` or `bicubic`; with ` antialias`, or ` corners` for aligned corners.
    """

    key: str
    width: int
    tokens: int
    kept: int
    old: Grid
    new: Grid
    mode: str

    @property
    def keys(self) -> tuple[str, ...]:
        """The key."""
        return (self.key,)

    def evaluate(self, read: Read) -> Array:
        """Return the rows, in double precision."""
        return self.resized(read(self.key).reshape(-1, self.width).astype(np.float64))

    def resized(self, rows: Array) -> Array:
        """Return kept rows and the resized grid, for all rows of the key or for some of their columns."""
        grid = rows[self.tokens :].reshape(*self.old, -1)
        down, across = (weights(a, b, self.mode) for a, b in zip(self.old, self.new, strict=True))
        made = np.einsum("ip,jq,pqc->ijc", down, across, grid, optimize=True)
        return np.concatenate([rows[: self.kept], made.reshape(-1, grid.shape[-1])])

    def __str__(self) -> str:
        sizes = " to ".join(f"{height}x{width}" for height, width in (self.old, self.new))
        return f"{self.key} resized from {sizes} ({self.mode})"


MODES = (
    "bicubic",
    "bilinear",
    "bicubic antialias",
    "bilinear antialias",
    "bicubic corners",
    "bilinear corners",
)


def weights(before: int, after: int, mode: str) -> Array:
    """Return the matrix (after, before) by which torch resizes one axis.

    `antialias` widens the filter where the axis shrinks and has another constant for cubics (torch
    2.x, UpSampleKernel.cpp: -0.75 without, -0.5 with it).
    """
    cubic, wide, corners = "bicubic" in mode, "antialias" in mode, "corners" in mode
    scale = (before - 1) / max(after - 1, 1) if corners else before / after
    places = np.arange(after) * scale if corners else (np.arange(after) + 0.5) * scale - 0.5
    if not cubic and not wide:
        places = np.maximum(places, 0)
    stretch = max(scale, 1.0) if wide else 1.0
    reach = int(np.ceil(2 * stretch)) + 1
    offsets = np.floor(places)[:, None] + np.arange(-reach, reach + 1)
    distance = np.abs(offsets - places[:, None]) / stretch
    factors = _cubic(distance, -0.5 if wide else -0.75) if cubic else np.maximum(1 - distance, 0)
    if wide:
        factors = np.where((offsets >= 0) & (offsets < before), factors, 0)
        factors = factors / factors.sum(axis=1, keepdims=True)
    matrix = np.zeros((after, before))
    columns = np.clip(offsets, 0, before - 1).astype(int)
    np.add.at(matrix, (np.arange(after)[:, None], columns), factors)
    return matrix


def _cubic(distance: Array, a: float) -> Array:
    near = ((a + 2) * distance - (a + 3)) * distance * distance + 1
    far = ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a
    return np.where(distance <= 1, near, np.where(distance < 2, far, 0.0))


class ResizedGrids:
    """Search for resized grids of positions."""

    def __init__(self, old: OldWeights) -> None:
        self._old = old

    def find(self, target: Array) -> list[Formula]:
        """Return the resized grids that give the target."""
        shape = squeezed(target.shape)
        if len(shape) not in (2, 3):
            return []
        found: list[Formula] = []
        for axes in (tuple(range(len(shape))), (*range(1, len(shape)), 0)):
            rows = target.reshape(shape).transpose(axes).reshape(-1, shape[axes[-1]])
            found += [restored(each, shape, axes, target.shape) for each in self._of_rows(rows)]
        return found

    def _of_rows(self, rows: Array) -> Iterator[Formula]:
        width = rows.shape[1]
        places = np.linspace(0, width - 1, _COLUMNS).astype(int)
        for key, shape in self._old.shapes.items():
            if width < FEW or (squeezed(shape) or (1,))[-1] != width:
                continue
            table = self._old.read(key).reshape(-1, width)
            few = table[:, places].astype(np.float64)
            for formula in _ways(key, width, len(table), len(rows)):
                if _fits(formula.resized(few), rows[:, places]) and _fits(formula.resized(table), rows):
                    yield formula


def _ways(key: str, width: int, before: int, after: int) -> Iterator[ResizedGrid]:
    """Yield the ways to resize a square grid to any other, and other grids in proportion."""
    for tokens in range(_MOST_TOKENS + 1):
        for kept in {0, tokens}:
            for old in _grids(before - tokens):
                for new in _grids(after - kept):
                    alike = old[0] == old[1] or old[0] * new[1] == old[1] * new[0]
                    if alike and old != new:
                        for mode in MODES:
                            yield ResizedGrid(key, width, tokens, kept, old, new, mode)


def _grids(count: int) -> list[Grid]:
    """Return the grids with a number of places of which both sides are longer than 1."""
    return [(side, count // side) for side in range(2, count // 2 + 1) if count > 0 and count % side == 0]


def _fits(value: Array, rows: Array) -> bool:
    largest = _TERMS * float(np.abs(rows).max())
    return prod(value.shape) == rows.size and is_close(value, rows, largest)
