"""Ranges of values against those of half precision."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from rewriter.runtime.rounding.ranges import HALF_TYPES, ValueRange, range_of


@pytest.mark.parametrize(("name", "dtype"), [("fp16", np.float16), ("bf16", ml_dtypes.bfloat16)])
def test_the_limits_are_those_of_the_types(name: str, dtype: type) -> None:
    half = HALF_TYPES[name]
    info = ml_dtypes.finfo(dtype)  # type: ignore[no-untyped-call]
    assert half.largest == float(info.max)
    assert half.least == float(info.smallest_subnormal)


def test_a_range() -> None:
    array = np.array([0, 1e-9, -70_000, 65504, np.inf, np.nan, -3.4e38, 2.0**-24, 2.0**-26], np.float32)
    found = range_of(array, HALF_TYPES["fp16"])
    assert found == ValueRange(largest=70_000, elements=9, over=1, lost=2)
    assert found + ValueRange(1e5, 1, 1) == ValueRange(1e5, 10, 2, 2)
    assert range_of(np.zeros((0, 2), np.float32), HALF_TYPES["bf16"]) == ValueRange()


def test_rounding_makes_infinity_of_what_is_beyond() -> None:
    found = HALF_TYPES["fp16"].rounded(np.array([0.1, 1e5], np.float32))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.array([np.float16(0.1), np.inf], np.float32))
