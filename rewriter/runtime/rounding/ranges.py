"""Ranges of values, held against the range of a type of half precision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from onnx import TensorProto, helper

from rewriter.runtime.inputs.feeds import Array


class HalfType(NamedTuple):
    """Type of half precision.

    Attributes:
        element: onnx's element type.
        largest: the largest finite number. A number rounds to infinity from half a step above it.
        least: the smallest positive number, a subnormal. A number rounds to 0 below half of it.
    """

    element: int
    largest: float
    least: float

    def rounded(self, array: Array) -> Array:
        """Return an array in float32 with its elements rounded to this type; what is beyond is infinite."""
        with np.errstate(over="ignore"):
            return array.astype(helper.tensor_dtype_to_np_dtype(self.element)).astype(array.dtype)


HALF_TYPES: Final[Mapping[str, HalfType]] = {
    "fp16": HalfType(int(TensorProto.FLOAT16), 65504.0, 2.0**-24),
    "bf16": HalfType(int(TensorProto.BFLOAT16), (2 - 2.0**-7) * 2.0**127, 2.0**-133),
}
"""The limits are those of IEEE 754 binary16, and of bfloat16 as the first 16 bits of binary32."""


_MASK = 1e30
"""Numbers of this magnitude or more stand for infinity (a mask), whatever their exact value."""


@dataclass(frozen=True, slots=True)
class ValueRange:
    """Range of a value over all input sets.

    Attributes:
        largest: its largest finite magnitude, without masks.
        elements: number of elements.
        over: number of finite elements whose magnitude exceeds the largest finite number of the type, without
            masks: numbers of 1e30 and more stand for infinity.
        lost: number of elements that are not 0, and round to 0.
    """

    largest: float = 0.0
    elements: int = 0
    over: int = 0
    lost: int = 0

    def __add__(self, other: ValueRange) -> ValueRange:
        return ValueRange(
            max(self.largest, other.largest),
            self.elements + other.elements,
            self.over + other.over,
            self.lost + other.lost,
        )


def range_of(array: Array, half: HalfType) -> ValueRange:
    """Return the range of one array."""
    sizes = np.abs(array.astype(np.float64))
    finite = sizes < _MASK
    largest = float(sizes.max(initial=0.0, where=finite))
    over = int(np.count_nonzero(finite & (sizes > half.largest)))
    lost = int(np.count_nonzero((sizes > 0) & (sizes < half.least / 2)))
    return ValueRange(largest, int(array.size), over, lost)
