"""What is kept of a tensor to recognise it elsewhere: its shape and a sample of its elements, in order.

A model has gigabytes of intermediate values; their fingerprints take some hundred bytes each. Two tensors of
one computation differ by rounding, so no hash will do. All elements of a small tensor are kept, and of a
large one those at fixed places plus a weighted mean of all: each of them differs by no more than the
tensors do at their worst element.
"""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

SAMPLES = 32
"""Numbers in a sample; a tensor of fewer elements repeats its last."""
_HUGE = 1e30
"""Beyond this a number stands for infinity (a mask), whatever number it is exactly."""
_WEIGHTS = 7919


class Fingerprint(NamedTuple):
    """One tensor.

    Attributes:
        shape: its shape.
        kind: "f" for floats, "i" for integers and truth values.
        sample: `SAMPLES` numbers; reshaping does not change them, transposing does.
        scale: root mean square of its elements, those left out that stand for infinity.
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
    """The fingerprint of an array; None for what is no tensor of numbers, or has no element."""
    if not isinstance(array, np.ndarray) or not array.size or array.dtype.kind not in "fiubV":
        return None
    try:
        numbers = array.reshape(-1).astype(np.float64)
    except (TypeError, ValueError):
        return None
    numbers = np.clip(np.nan_to_num(numbers, nan=-_HUGE, posinf=_HUGE, neginf=-_HUGE), -_HUGE, _HUGE)
    finite = numbers[np.abs(numbers) < _HUGE]
    scale = float(np.sqrt(np.mean(np.square(finite)))) if finite.size else 0.0
    kind = "i" if array.dtype.kind in "iub" else "f"
    plain = bool((numbers == numbers[0]).all())
    return Fingerprint(tuple(array.shape), kind, _sample(numbers), scale, plain)


def _sample(numbers: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    if numbers.size <= SAMPLES:
        return np.pad(numbers, (0, SAMPLES - numbers.size), mode="edge")
    places = np.linspace(0, numbers.size - 1, SAMPLES - 1).astype(np.int64)
    # The places alone would miss all else; weights tell apart what only stands in another order.
    weights = (np.arange(numbers.size) * _WEIGHTS % 1009) / 1009
    mean = float(np.mean(np.where(np.abs(numbers) < _HUGE, numbers, 0.0) * weights))
    return np.append(numbers[places], mean)
