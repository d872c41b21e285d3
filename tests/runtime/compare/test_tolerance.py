from math import inf, nan
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from rewriter.runtime.compare.tolerance import Deviation, Tolerance, difference, telling


def floats(*numbers: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.array(numbers, dtype=np.float32)


@pytest.mark.parametrize(
    "value",
    [
        floats(1, nan, inf),
        floats(),
        np.array(3, dtype=np.int64),
        np.array(["a", ""], dtype=object),
        [floats(1), floats(2)],
        {"a": floats(nan)},
        [{1: 0.5, 2: nan}],
        None,
        floats(1, nan).astype(ml_dtypes.bfloat16),
        floats(1, 2).astype(ml_dtypes.int4),
    ],
)
def test_a_value_equals_itself(value: object) -> None:
    assert difference(value, value) is None


def test_nan_of_another_payload_is_equal() -> None:
    left, right = np.array([0x7FC00000, 0x7FC00001], dtype=np.uint32).view(np.float32)
    assert difference(np.array([left]), np.array([right])) is None


def test_the_sign_of_zero_is_a_difference_of_nothing() -> None:
    assert difference(floats(0.0), floats(-0.0), "y") == Deviation(0.0, "y[0]", 0.0, rounding=True)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (floats(1, 5, 3), floats(1, 2, 4), Deviation(3.0, "y[1]", 3 / 5)),
        (floats(1), floats(nan), Deviation(inf, "y[0]")),
        (floats(inf), floats(1), Deviation(inf, "y[0]")),
        (floats(inf), floats(-inf), Deviation(inf, "y[0]")),
        (floats(1), floats(1, 1), Deviation(inf, "y has shape (1,) before, (2,) after")),
        (floats(1), np.array([1.0]), Deviation(inf, "y is float32 before, float64 after")),
        (np.array([-(2**63)]), np.array([2**63 - 1]), Deviation(float(2**64 - 1), "y[0]", 2.0)),
        (np.array([250], np.uint8), np.array([3], np.uint8), Deviation(247.0, "y[0]", 247 / 250)),
        (np.array([True]), np.array([False]), Deviation(1.0, "y[0]", 1.0)),
        (np.array(["a"], object), np.array(["b"], object), Deviation(inf, "y[0]")),
        ([floats(1)], [], Deviation(inf, "y has 1 element before, 0 after")),
        ([floats(1), floats(1)], [floats(1), floats(3)], Deviation(2.0, "y[1][0]", 2.0)),
        ({1: 0.5}, {1: 0.75}, Deviation(0.25, "y[1]", 0.5)),
        ({1: 0.5}, {2: 0.5}, Deviation(inf, "y has other keys")),
        ({1: "a"}, {1: "b"}, Deviation(inf, "y[1]")),
        (None, floats(1), Deviation(inf, "y is absent before, ndarray after")),
        (np.array(2.0), np.array(1.0), Deviation(1.0, "y", 0.5)),
    ],
)
def test_a_difference_says_how_far_and_where(before: object, after: object, expected: Deviation) -> None:
    assert difference(before, after, "y") == expected


@pytest.mark.parametrize("dtype", [ml_dtypes.bfloat16, np.float16, ml_dtypes.float8_e4m3fn, ml_dtypes.int4])
def test_narrow_types_are_compared_as_numbers(dtype: type) -> None:
    found = difference(floats(1, 2).astype(dtype), floats(1, 4).astype(dtype), "y")
    assert found == Deviation(2.0, "y[1]", 1.0)


@pytest.mark.parametrize(
    ("before", "after", "relative"),
    [
        (floats(-8, 1), floats(-8, 2), 1 / 8),
        (floats(inf, nan, -4, 1), floats(inf, nan, -4, 2), 1 / 4),
        (floats(0, 0), floats(0, 2**-20), inf),
        (floats(2**-20), floats(2**-19), 1.0),
        (np.array([3 + 4j]), np.array([3 + 2j]), 2 / 5),
        ([floats(1), floats(10)], [floats(2), floats(10)], 1 / 10),
        ({1: 0.5, 2: 4.0}, {1: 1.5, 2: 4.0}, 1 / 4),
        (floats(inf, 2), floats(1, 2), inf),
        (floats(), floats(1), inf),
        (np.array(["a"], object), np.array(["b"], object), inf),
    ],
)
def test_a_difference_is_relative_to_the_largest_number_before(
    before: object, after: object, relative: float
) -> None:
    found = difference(before, after)
    assert found is not None
    assert found.relative == pytest.approx(relative, rel=1e-12)


@pytest.mark.parametrize(
    ("value", "tells"),
    [
        (floats(), False),
        (floats(nan, inf), False),
        (floats(nan, 1), True),
        (np.array([0]), True),
        (None, True),
    ],
)
def test_empty_and_endless_results_tell_nothing(value: object, tells: bool) -> None:
    assert telling(value) is tells


@pytest.mark.parametrize(
    ("before", "after", "rounding"),
    [
        (floats(1, 100), floats(1.005, 100), True),
        (floats(1, 100), floats(1.02, 100), False),
        (floats(0, 0), floats(0, 1e-30), False),
        (floats(1).astype(ml_dtypes.bfloat16), floats(1.01).astype(ml_dtypes.bfloat16), False),
        (np.array([100_000, 1]), np.array([100_000, 2]), False),
        (np.array([True]), np.array([False]), False),
        ([floats(1), np.array([10**6, 1])], [floats(1.00001), np.array([10**6, 2])], False),
        ([floats(1), floats(2)], [floats(1.00001), floats(2.00001)], True),
        ({1: 0.5, 2: 4.0}, {1: 0.5001, 2: 4.0}, True),
        (floats(1, nan), floats(1.00001, nan), True),
        (floats(1, nan), floats(1, 2), False),
        (floats(1), floats(1, 1), False),
        (np.array(["a"], object), np.array(["b"], object), False),
    ],
)
def test_only_floats_may_be_rounded(before: object, after: object, rounding: bool) -> None:
    found = difference(before, after)
    assert found is not None and found.rounding is rounding
    assert found.within is None


ARRAYS = [
    (floats(1, -4, 0), floats(1.001, -4, 0.001)),
    (floats(1, -4, 0), floats(1, -4.1, 0)),
    (floats(1, nan, inf), floats(1.0001, nan, inf)),
    (floats(1, nan), floats(nan, 1)),
    (floats(inf), floats(-inf)),
    (floats(0, 0), floats(0, 1e-9)),
    (np.array([5, 7]), np.array([6, 7])),
    (np.array([3 + 4j]), np.array([3.01 + 4j])),
]


@pytest.mark.parametrize(("before", "after"), ARRAYS)
@pytest.mark.parametrize(("rtol", "atol"), [(0, 1e-8), (1e-3, 0), (1e-2, 1e-2), (0.5, 0)])
def test_rtol_and_atol_are_those_of_numpy(
    before: np.ndarray[Any, Any], after: np.ndarray[Any, Any], rtol: float, atol: float
) -> None:
    found = difference(before, after, "y", Tolerance(rtol=rtol, atol=atol))
    close = np.allclose(after, before, rtol=rtol, atol=atol, equal_nan=True)
    assert found is not None and found.within == close


@pytest.mark.parametrize(
    ("before", "after", "within"),
    [
        (floats(1, -4), floats(1.04, -4), True),
        (floats(1, -4), floats(1.05, -4), False),
        (floats(0), floats(1e-30), False),
        (floats(0), floats(-0.0), True),
        (floats(inf, nan, 4), floats(inf, nan, 4.04), True),
        (floats(4), floats(nan), False),
        ([floats(1), floats(100)], [floats(1.9), floats(100)], True),
        (floats(1), floats(1, 1), False),
        (np.array(["a"], object), np.array(["b"], object), False),
    ],
)
def test_a_tolerance_is_a_share_of_the_largest_value(before: object, after: object, within: bool) -> None:
    found = difference(before, after, "y", Tolerance(largest=0.0101))
    assert found is not None and found.within is within
