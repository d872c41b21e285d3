"""Equality up to the rounding of an exporter's arithmetic."""

from __future__ import annotations

import numpy as np

from rewriter.model.tensors import Array

ROUNDINGS = 16
"""Number of roundings, in units of the last place, that an operation and its inputs may differ by."""


def unit_of(element: np.dtype[np.generic]) -> float:
    """Return the relative distance of neighbouring numbers of a floating-point type, at least float32's."""
    bits = {"float16": 10, "bfloat16": 7, "float64": 23, "float32": 23}.get(element.name, 2)
    return float(2.0**-bits)


def is_close(value: Array, target: Array, terms: Array | float = 0.0) -> bool:
    """Whether a value is the target up to rounding, relative to the target and to the terms of a sum."""
    if value.size != target.size:
        return False
    wanted = target.reshape(-1).astype(np.float64)
    unit = unit_of(target.dtype)
    got = value.reshape(-1)
    with np.errstate(all="ignore"):
        allowed = ROUNDINGS * unit * (np.abs(wanted) + np.reshape(terms, -1)) + 1e-30
        return bool(np.isfinite(got).all() and (np.abs(got - wanted) <= allowed).all())
