"""Which values of one model are which of another, told by shape and closeness, and how far they are apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf, prod
from typing import Any

import numpy as np
import numpy.typing as npt

from rewriter.runtime.contrast import Compared, Pair, Port

Array = npt.NDArray[Any]
Values = Mapping[str, Sequence[Array]]
"""Name -> one array per input set."""

_HUGE = 1e30
"""Beyond this a number stands for infinity (a mask), whatever number it is exactly."""
_LEAST_MAGNITUDE = 1e-3
"""Below it a difference is held against this instead, so that rounding around zero stays small."""
_BLOCK = 1 << 20
"""Elements looked at together: copies in float64 stay small beside a large tensor."""
_MOST_TRIED = 64
"""Values of one shape at one port that are matched by closeness; more are matched in order."""

Distance = tuple[float, float]
"""Relative, absolute."""


def compare_port(port: Port, before: Values, after: Values, tolerance: float) -> Compared:
    """Match the values of a port and measure the pairs.

    In this order: equal shapes, shapes equal but for axes of size 1, as many elements and so close that one
    is the other reshaped. Among several of one shape equal names go together where all names are equal,
    else whatever is closest.

    Args:
        port: the names.
        before: the values of the one model.
        after: the values of the other.
        tolerance: how close, relative, a reshaped value must be to count as the same.
    """
    left = [name for name in dict.fromkeys(port.before) if name in before]
    right = [name for name in dict.fromkeys(port.after) if name in after]
    pairs: list[Pair] = []
    for form in (_shape, _squeezed, _elements):
        closest = tolerance if form is _elements else inf
        for names, others in _alike(left, right, before, after, form):
            for pair in _assigned(names, others, before, after, closest):
                pairs.append(pair)
                left.remove(pair.before)
                right.remove(pair.after)
    return Compared(
        tuple(pairs),
        tuple(f"{name} {before[name][0].shape}" for name in left),
        tuple(f"{name} {after[name][0].shape}" for name in right),
    )


def distance(before: Array, after: Array) -> Distance:
    """The largest difference of two arrays of as many elements, relative to their size and absolute."""
    largest = magnitude = 0.0
    flat, other = before.reshape(-1), after.reshape(-1)
    for start in range(0, flat.size, _BLOCK):
        x = flat[start : start + _BLOCK].astype(np.float64)
        y = other[start : start + _BLOCK].astype(np.float64)
        both_huge = (np.abs(x) >= _HUGE) & (np.abs(y) >= _HUGE) & (np.sign(x) == np.sign(y))
        same = both_huge | (np.isnan(x) & np.isnan(y))
        with np.errstate(all="ignore"):
            apart = np.where(same, 0.0, np.abs(x - y))
        apart[np.isnan(apart)] = inf
        largest = max(largest, float(apart.max(initial=0.0)))
        for side in (np.abs(x), np.abs(y)):
            magnitude = max(magnitude, float(side.max(initial=0.0, where=side < _HUGE)))
    return largest / max(magnitude, _LEAST_MAGNITUDE), largest


def _shape(array: Array) -> tuple[int, ...]:
    return tuple(array.shape)


def _squeezed(array: Array) -> tuple[int, ...]:
    return tuple(size for size in array.shape if size != 1)


def _elements(array: Array) -> tuple[int, ...]:
    return (prod(array.shape),)


def _alike(
    left: Sequence[str], right: Sequence[str], before: Values, after: Values, form: Any
) -> list[tuple[list[str], list[str]]]:
    """The names on both sides whose values have one form in every input set."""
    forms: dict[object, tuple[list[str], list[str]]] = {}
    for side, (names, values) in enumerate(((left, before), (right, after))):
        for name in names:
            key = tuple(form(array) for array in values[name])
            forms.setdefault(key, ([], []))[side].append(name)
    return [(names, others) for names, others in forms.values() if names and others]


def _assigned(
    names: Sequence[str], others: Sequence[str], before: Values, after: Values, closest: float
) -> list[Pair]:
    """Pairs of values of one form, the closest first."""

    def measured(name: str, other: str) -> Pair:
        found = [distance(x, y) for x, y in zip(before[name], after[other], strict=True)]
        relative, largest = max(found)
        return Pair(name, other, largest, relative)

    if set(names) == set(others):
        tried = [measured(name, name) for name in names]
    elif len(names) * len(others) > _MOST_TRIED**2:
        tried = [measured(name, other) for name, other in zip(names, others, strict=False)]
    else:
        tried = [measured(name, other) for name in names for other in others]
        tried.sort(key=lambda pair: pair.relative)  # stable: the order of the ports decides a tie
    chosen: list[Pair] = []
    for pair in tried:
        free = all(pair.before != each.before and pair.after != each.after for each in chosen)
        if free and pair.relative <= closest:
            chosen.append(pair)
    return chosen
