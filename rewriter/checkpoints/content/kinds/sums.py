"""Kind: the sum of rows of two keys: position and token type embeddings, two weights of one shape.

The first element of the first row is the sum of the first elements of two rows; a sorted list of these gives
the pairs, and further elements of the row leave few. Each side then goes on row by row, or stays at its row.
Verified on all elements up to rounding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import prod

import numpy as np

from rewriter.checkpoints.content.kinds.row_formulas import RowRange
from rewriter.checkpoints.content.kinds.same_elements import restored
from rewriter.checkpoints.content.old import FEW, OldWeights, squeezed
from rewriter.checkpoints.content.rounding import is_close, unit_of
from rewriter.checkpoints.formula import Formula, Read
from rewriter.model.tensors import Array

_MOST_ROWS = 300_000
_PROBED = 8
"""Elements of a row by which pairs are compared before they are read."""
_MOST_PAIRS = 64


@dataclass(frozen=True, slots=True)
class Sum:
    """The sum of two matrices, of which one may have one row for all rows of the other."""

    left: Formula
    right: Formula

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of both."""
        return (*self.left.keys, *self.right.keys)

    def evaluate(self, read: Read) -> Array:
        """Return the sum, in double precision."""
        return np.asarray(self.left.evaluate(read).astype(np.float64) + self.right.evaluate(read))

    def __str__(self) -> str:
        return f"{self.left} + {self.right}"


@dataclass(frozen=True, slots=True)
class _Heads:
    """The first elements of all rows of a width: of row `numbers[n]` of key `keys[owners[n]]`."""

    keys: list[str]
    owners: Array
    numbers: Array
    elements: Array


class Sums:
    """Search for sums of rows."""

    def __init__(self, old: OldWeights) -> None:
        self._old = old
        self._heads: dict[int, _Heads] = {}

    def find(self, target: Array) -> list[Formula]:
        """Return the sums of rows of two keys that give the target."""
        shape = squeezed(target.shape)
        axes = tuple(range(len(shape)))
        orders = [axes] if len(shape) != 2 else [axes, (1, 0)]
        for order in orders:
            turned = target.reshape(shape).transpose(order)
            rows = turned.reshape(-1, turned.shape[-1])
            if rows.shape[1] >= FEW and (found := self._of_rows(rows)):
                return [restored(each, shape, order, target.shape) for each in found]
        return []

    def _of_rows(self, rows: Array) -> list[Formula]:
        heads = self._of_width(rows.shape[1])
        found: list[Formula] = []
        for left, right in _pairs(heads, rows[0], unit_of(rows.dtype)):
            sides = [self._sides(heads, number, len(rows)) for number in (left, right)]
            sums = (
                Sum(one, other) for one, other in product(*sides) if len(rows) in (one.count, other.count)
            )
            found += [each for each in sums if self._fits(each, rows)]
        return found

    def _fits(self, formula: Sum, rows: Array) -> bool:
        read = self._old.read
        terms = np.abs(formula.left.evaluate(read)) + np.abs(formula.right.evaluate(read))
        return is_close(formula.evaluate(read), rows, terms.astype(np.float64))

    def _sides(self, heads: _Heads, number: int, count: int) -> Iterator[RowRange]:
        key, start = heads.keys[heads.owners[number]], int(heads.numbers[number])
        width = self._width(key, heads)
        if start + count <= prod(self._old.shapes[key]) // width:
            yield RowRange(key, width, start, count)
        if count > 1:
            yield RowRange(key, width, start, 1)

    def _width(self, key: str, heads: _Heads) -> int:
        rows = int((heads.owners == heads.keys.index(key)).sum())
        return prod(self._old.shapes[key]) // rows

    def _of_width(self, width: int) -> _Heads:
        if width not in self._heads:
            self._heads[width] = self._build(width)
        return self._heads[width]

    def _build(self, width: int) -> _Heads:
        keys = [key for key, shape in self._old.shapes.items() if (squeezed(shape) or (1,))[-1] == width]
        counts = [prod(self._old.shapes[key]) // width for key in keys]
        if sum(counts) > _MOST_ROWS:
            keys, counts = [], []
        heads = [self._old.read(key).reshape(-1, width)[:, :_PROBED].astype(np.float64) for key in keys]
        owners = np.repeat(np.arange(len(keys)), counts)
        numbers = np.concatenate([np.arange(count) for count in counts] or [np.zeros(0, np.int64)])
        return _Heads(keys, owners, numbers, np.concatenate(heads or [np.zeros((0, min(width, _PROBED)))]))


def _pairs(heads: _Heads, row: Array, unit: float) -> Iterator[tuple[int, int]]:
    """Yield pairs of rows, each once, whose first elements add up to those of a row."""
    elements = heads.elements
    wanted = row[: elements.shape[1]].astype(np.float64)
    order = np.argsort(elements[:, 0], kind="stable")
    first = elements[order, 0]
    allowed = 8 * unit * (np.abs(wanted) + np.abs(elements).max(axis=0, initial=0.0))
    low, high = (np.searchsorted(first, wanted[0] - first + side) for side in (-allowed[0], allowed[0]))
    found = 0
    for left in np.flatnonzero(high > low):
        others = order[max(low[left], left + 1) : high[left]]
        near = np.abs(elements[others] + elements[order[left]] - wanted) <= allowed
        for other in others[near.all(axis=1)]:
            yield int(order[left]), int(other)
            found += 1
            if found == _MOST_PAIRS:
                return
