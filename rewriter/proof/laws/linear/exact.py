"""Reads constants that laws compute with."""

from __future__ import annotations

import numpy as np

from rewriter.proof.laws.terms.store import Terms
from rewriter.proof.laws.terms.term import Array


def exact(term: int, terms: Terms) -> Array | None:
    """Return a finite constant of float32 or float64, in float64; None for another term."""
    array = terms.array(term) if terms.is_constant(term) else None
    if array is None or array.dtype not in (np.float32, np.float64) or not np.isfinite(array).all():
        return None
    return array.astype(np.float64)


def channel_shape(weight: Array) -> tuple[int, ...]:
    """Return the shape of one number per output channel, for broadcasting to the weight of a convolution."""
    return (-1, *(1,) * (weight.ndim - 1))
