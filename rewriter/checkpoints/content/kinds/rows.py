"""Kind: rows of keys one after another: slices, gathers, concatenations, gates in another order, zeros.

A row is found by a number computed from its bits, in a sorted list of all rows of its width. A run of rows of
one key stays a run; where several runs are equally long (tied tables), all are candidates. Verified bit for
bit. The elements of a vector count as rows of width 1; their runs have to be long.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import NamedTuple

import numpy as np

from rewriter.checkpoints.arrangement import Joined
from rewriter.checkpoints.content.alike import alike
from rewriter.checkpoints.content.kinds.row_formulas import Gathered, RowRange, Zeros
from rewriter.checkpoints.content.kinds.same_elements import restored, same_bits
from rewriter.checkpoints.content.old import OldWeights, Words, row_marks, squeezed
from rewriter.checkpoints.formula import Formula, Reshaped
from rewriter.model.tensors import Array

_MOST_SOURCES = 8
_SHORTEST_RUN = 3
_NARROW = 1
"""Widest rows of which one alone may be chance; their runs have at least `_SHORTEST_RUN` rows on average."""


class _RowTable(NamedTuple):
    """Rows of all keys of one width and element type: sorted marks, and where each row is."""

    marks: Words
    places: Array
    keys: list[str]
    by_place: Words
    ends: Array


class RowsOfKeys:
    """Index of a checkpoint by rows; it is built for one width at a time, when a tensor needs it."""

    def __init__(self, old: OldWeights) -> None:
        self._old = old
        self._tables: dict[tuple[int, str], _RowTable] = {}

    def find(self, target: Array) -> list[Formula]:
        """Return the formula that gives the target from rows of keys; none if some row is in no key."""
        shape = squeezed(target.shape)
        for first, last in _divided(len(shape)):
            width = prod(shape[axis] for axis in last)
            rows = target.reshape(shape).transpose((*first, *last)).reshape(-1, width)
            if (found := self._of_rows(rows)) is not None:
                return [restored(found, shape, (*first, *last), target.shape)]
        found = self._of_rows(target.reshape(-1, 1)) or self._of_rows(target.reshape(1, -1))
        return [Reshaped(found, target.shape)] if found is not None else []

    def _of_rows(self, rows: Array) -> Formula | None:
        table = self._table(rows.shape[1], rows)
        marks = row_marks(rows)
        lower, upper = (np.searchsorted(table.marks, marks, side) for side in ("left", "right"))
        blank = lower == upper
        if blank.all() or np.any(rows[blank]):
            return None
        runs = _runs(table, marks, lower, upper)
        if runs is None or (rows.shape[1] <= _NARROW and len(runs) * _SHORTEST_RUN > len(rows)):
            return None
        found = _formula(runs, table, rows.shape[1])
        with np.errstate(all="ignore"):
            value = found.evaluate(self._old.read).astype(rows.dtype, copy=False)
        return found if same_bits(value, rows) else None

    def _table(self, width: int, like: Array) -> _RowTable:
        if (width, like.dtype.name) not in self._tables:
            self._tables[width, like.dtype.name] = self._build(width, like)
        return self._tables[width, like.dtype.name]

    def _build(self, width: int, like: Array) -> _RowTable:
        keys, marks, ends = [], [np.zeros(0, np.uint64)], []
        for key, shape in self._old.shapes.items():
            if not _has_rows(squeezed(shape), width):
                continue
            with np.errstate(all="ignore"):
                rows = self._old.read(key).astype(like.dtype, copy=False).reshape(-1, width)
            keys += [key]
            marks.append(row_marks(rows))
            ends.append(len(rows))
        by_place = np.concatenate(marks)
        order = np.argsort(by_place, kind="stable")
        return _RowTable(by_place[order], order, keys, by_place, np.cumsum(np.array(ends, np.int64)))


def _divided(count: int) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Yield the axes of a tensor, divided into those that number rows and neighbours that are a row."""
    axes = tuple(range(count))
    for start in sorted(axes, reverse=True):
        for stop in sorted(axes[start:], reverse=True):
            if stop - start + 1 < count:
                yield (*axes[:start], *axes[stop + 1 :]), axes[start : stop + 1]


def _has_rows(shape: tuple[int, ...], width: int) -> bool:
    """Whether a tensor is read as rows of a width: its last axes have it together, or it is one row."""
    if width == 1:
        return len(shape) <= 1
    return any(prod(shape[axis:]) == width for axis in range(len(shape) or 1))


def _runs(table: _RowTable, marks: Words, lower: Array, upper: Array) -> list[tuple[list[int], int]] | None:
    """Return for each run the places where it may begin, and its length; None if it may be anywhere.

    A run without a place is one of zeros.
    """
    runs: list[tuple[list[int], int]] = []
    row = 0
    while row < len(marks):
        if upper[row] - lower[row] > _MOST_SOURCES:
            return None
        if lower[row] == upper[row]:
            count = int(np.argmin(np.append(marks[row:], ~marks[row]) == marks[row]))
            runs.append(([], count))
            row += count
            continue
        lengths = {
            int(place): _length(table, marks, row, int(place))
            for place in table.places[lower[row] : upper[row]]
        }
        longest = max(lengths.values())
        runs.append(([place for place, length in lengths.items() if length == longest], longest))
        row += longest
    return runs


def _length(table: _RowTable, marks: Words, row: int, place: int) -> int:
    """Return the number of rows from `row` on that are those of a key from `place` on."""
    end = table.ends[np.searchsorted(table.ends, place, "right")]
    count = min(len(marks) - row, int(end) - place)
    differs = np.flatnonzero(marks[row : row + count] != table.by_place[place : place + count])
    return int(differs[0]) if len(differs) else count


def _formula(runs: list[tuple[list[int], int]], table: _RowTable, width: int) -> Formula:
    def part(place: int, count: int) -> RowRange:
        number = int(np.searchsorted(table.ends, place, "right"))
        start = place - (int(table.ends[number - 1]) if number else 0)
        return RowRange(table.keys[number], width, start, count)

    parts = [
        alike([part(place, count) for place in places]) if places else Zeros(width, count)
        for places, count in runs
    ]
    single = [each for each in parts if isinstance(each, RowRange)]
    if len(parts) > 1 and len(single) == len(parts) and len({each.key for each in single}) == 1:
        rows = [each.start + step for each in single for step in range(each.count)]
        return Gathered(single[0].key, width, tuple(rows))
    return parts[0] if len(parts) == 1 else Joined(tuple(parts), 0)
