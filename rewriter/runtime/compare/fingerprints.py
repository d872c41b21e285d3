"""Fingerprints: the shape of a tensor and a sample of its elements, to recognise it in another run.

Intermediate values take gigabytes, a fingerprint some hundred bytes. A hash would not work, since a tensor
differs by rounding between two runs. The sample of a small tensor is all of its elements. The sample of a
large tensor is some evenly spaced elements and a weighted mean of all elements. Between two runs, no number
of the sample differs by more than the element that differs most.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

SAMPLES = 32
"""Number of values in a sample; a tensor with fewer elements repeats its last one."""
_HUGE = 1e30
"""Numbers of this magnitude or more stand for infinity (a mask), whatever their exact value."""
_BLOCK = 1 << 20
"""Number of elements processed at a time: copies in float64 stay small beside a large tensor."""
MOST_BYTES = 1 << 28
"""Maximum bytes of values held at a time, in addition to the memory of a normal run."""


class Watch(NamedTuple):
    """Request for fingerprints: the inputs of the run, and the maximum bytes of values held at a time."""

    feeds: Mapping[str, npt.NDArray[Any]]
    most_bytes: int = MOST_BYTES


class Fingerprint(NamedTuple):
    """Fingerprint of one tensor.

    Attributes:
        shape: its shape.
        kind: "i" for the integers and booleans of numpy, "f" for all other types.
        sample: `SAMPLES` numbers; reshaping does not change them, transposing usually does.
        scale: root mean square of its elements, without those that stand for infinity.
        plain: whether all of its elements are the same number.
    """

    shape: tuple[int, ...]
    kind: str
    sample: npt.NDArray[np.float64]
    scale: float
    plain: bool

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)


def fingerprint(array: Any) -> Fingerprint | None:
    """Return the fingerprint of an array; None if it is empty, no array, or holds no real numbers."""
    if not isinstance(array, np.ndarray) or not array.size or array.dtype.kind not in "fiubV":
        return None
    flat = array.reshape(-1)
    try:
        first = _numbers(flat[:1])[0]
    except (TypeError, ValueError):  # a structured type
        return None
    squares = finite = weighted = 0.0
    plain = True
    for start in range(0, flat.size, _BLOCK):
        numbers = _numbers(flat[start : start + _BLOCK])
        small = np.where(np.abs(numbers) < _HUGE, numbers, 0.0)
        squares += float(small @ small)
        finite += float(np.count_nonzero(np.abs(numbers) < _HUGE))
        # The mean includes the elements that are not sampled; its weights detect a changed order.
        weighted += float(small @ ((np.arange(start, start + numbers.size) * 7919 % 1009) / 1009))
        plain = plain and bool((numbers == first).all())
    if flat.size <= SAMPLES:
        sample = np.pad(_numbers(flat), (0, SAMPLES - flat.size), mode="edge")
    else:
        places = np.linspace(0, flat.size - 1, SAMPLES - 1).astype(np.int64)
        sample = np.append(_numbers(flat[places]), weighted / flat.size)
    kind = "i" if array.dtype.kind in "iub" else "f"
    return Fingerprint(tuple(array.shape), kind, sample, float(np.sqrt(squares / max(finite, 1.0))), plain)


def _numbers(flat: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    numbers = np.nan_to_num(flat.astype(np.float64), nan=-_HUGE, posinf=_HUGE, neginf=-_HUGE)
    return np.clip(numbers, -_HUGE, _HUGE)
