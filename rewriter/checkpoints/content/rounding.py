"""Equality up to the rounding of an exporter's arithmetic."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rewriter.checkpoints.formula import Formula
from rewriter.model.tensors import Array

ROUNDINGS = 16
_LEAST = 1e-37
"""Number of roundings, in units of the last place, that an operation and its inputs may differ by."""


def unit_of(element: np.dtype[np.generic]) -> float:
    """Return the relative distance of neighbouring numbers of a floating-point type, at least float32's."""
    bits = {"float16": 10, "bfloat16": 7, "float64": 23, "float32": 23}.get(element.name, 2)
    return float(2.0**-bits)


def is_close(value: Array, target: Array, terms: Array | float = 0.0) -> bool:
    """Whether a value is the target up to rounding, relative to the target and to the terms of a sum."""
    return value.size == target.size and roundings(value, target, terms) <= ROUNDINGS


def roundings(value: Array, target: Array, terms: Array | float = 0.0) -> float:
    """Return the largest difference, in units of the last place of the target and of the terms of a sum."""
    wanted = target.reshape(-1).astype(np.float64)
    size = unit_of(target.dtype) * (np.abs(wanted) + np.reshape(terms, -1)) + _LEAST
    with np.errstate(all="ignore"):
        largest = float((np.abs(value.reshape(-1) - wanted) / size).max())
    return largest if np.isfinite(largest) else np.inf


def closest(candidates: Sequence[tuple[float, Formula]]) -> list[Formula]:
    """Return the formulas, and of those with the same keys only the closest: those with the right epsilon.

    Args:
        candidates: formulas with their `roundings`.
    """
    best: dict[tuple[str, ...], float] = {}
    for error, formula in candidates:
        best[formula.keys] = min(error, best.get(formula.keys, np.inf))
    return [formula for error, formula in candidates if error <= 1 + 2 * best[formula.keys]]
