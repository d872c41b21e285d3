"""Numbers that show by themselves that no training made them: masks, ranges, tables of sines."""

from __future__ import annotations

import numpy as np

from rewriter.checkpoints.content.old import is_simple
from rewriter.model.tensors import Array

_MOST_NUMBERS = 3
_SOME = 64
_TOLERANCE = 1e-4


def is_generated(array: Array) -> bool:
    """Whether a tensor has few distinct numbers, whole numbers, or a recurrence along its longest axis.

    Sums of a constant and a sine of equal steps, and hence ranges, obey x[n+1] - x[n] = c (x[n] - x[n-1]) -
    (x[n-1] - x[n-2]); powers obey x[n+1] = c x[n].
    """
    if is_simple(array):
        return True
    corner = array[tuple(slice(0, _SOME) for _ in array.shape)]
    if array.size > corner.size and not is_generated(corner):
        return False  # without a copy of a large tensor
    numbers = array.astype(np.float64)
    with np.errstate(all="ignore"):
        few = len(np.unique(numbers.flat[:_SOME])) <= _MOST_NUMBERS
        return (few and len(np.unique(numbers)) <= _MOST_NUMBERS) or _recurs(numbers)


def _recurs(numbers: Array) -> bool:
    numbers = numbers.reshape([size for size in numbers.shape if size != 1])
    for axis in range(numbers.ndim):
        lines = np.moveaxis(numbers, axis, 0).reshape(numbers.shape[axis], -1)
        if len(lines) >= 6 and (_is_power(lines) or _is_wave(lines)):
            return True
    return False


def _is_power(lines: Array) -> bool:
    ratios = lines[1:] / lines[:-1]
    return bool(
        np.isfinite(ratios).all() and (abs(ratios - ratios[:1]) <= _TOLERANCE * abs(ratios[:1])).all()
    )


def _is_wave(lines: Array) -> bool:
    """Whether each column is a constant and a sine: the ratio of two differences is the same everywhere."""
    steps = np.diff(lines, axis=0)
    outer, inner = steps[2:] + steps[:-2], steps[1:-1]
    factor = (outer * inner).sum(axis=0) / np.maximum((inner * inner).sum(axis=0), 1e-30)
    error = abs(outer - factor * inner)
    return bool((error <= _TOLERANCE * np.maximum(abs(lines).max(axis=0), 1e-30)).all())
