"""Deviation of results.

`difference` compares bit for bit; `distance` compares the numbers in two arrays of equal element count,
whatever their types and shapes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import inf
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from rewriter.basics.display import counted
from rewriter.errors import UsageError

Array = npt.NDArray[Any]

ROUNDING = 1e-4
"""Largest deviation, relative to the largest value, that another order of summation of floats may cause."""

_HUGE, _HUGE_HALF = 1e30, 1e4
"""Numbers of this magnitude or more stand for infinity (a mask), whatever their exact value.

`_HUGE_HALF` is for float16, because converters clip larger numbers to it.
"""
_LEAST_MAGNITUDE, _LEAST_WHOLE = 1e-3, 1.0
"""Least magnitudes that a distance is divided by, of floats and of other numbers.

So rounding around zero stays small, and so does a step from 0 to 1.
"""
_BLOCK = 1 << 20
"""Number of elements processed at a time: copies in float64 stay small beside a large tensor."""


class Distance(NamedTuple):
    """Deviation of an array from a reference.

    Attributes:
        relative: `max_abs` divided by the largest magnitude of the reference; see `distance`.
        max_abs: the largest difference of two elements; infinite for NaN or infinity against another value.
        at: the number of the first element with this difference; 0 if there is none.
    """

    relative: float
    max_abs: float
    at: int


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Allowed deviation of two results, by one of two measures: `largest`, or `rtol` with `atol`.

    Attributes:
        largest: |a - b| <= `largest` * max |a|; the maximum is over the finite values of one output `a` of
            the original.
        rtol: |a - b| <= `atol` + `rtol` * |a| at every element, as in `numpy.allclose(b, a)`.
        atol: see `rtol`.
    """

    largest: float | None = None
    rtol: float | None = None
    atol: float | None = None

    def __str__(self) -> str:
        if self.largest is not None:
            return f"--tolerance {self.largest:g}"
        return f"--rtol {self.rtol:g} --atol {self.atol:g}"

    def bounds(self, before: npt.NDArray[np.float64], magnitude: float) -> Any:
        """Return the allowed deviation of each element.

        Args:
            before: absolute values of the original's elements.
            magnitude: the largest finite absolute value in the whole output.
        """
        if self.largest is not None:
            return self.largest * magnitude
        return (self.atol or 0.0) + (self.rtol or 0.0) * before


def tolerance_of(largest: float | None, rtol: float | None, atol: float | None) -> Tolerance | None:
    """Return the tolerance that a user asks for, if any; a missing `rtol` or `atol` gets numpy's default.

    Raises:
        UsageError: both measures are given, or one is negative or NaN.
    """
    elementwise = rtol is not None or atol is not None
    if largest is not None and elementwise:
        raise UsageError("a tolerance of the largest value excludes rtol and atol; give one of the two")
    if any(each is not None and not each >= 0 for each in (largest, rtol, atol)):
        raise UsageError("a tolerance is negative; it must be 0 or more")
    if elementwise:
        return Tolerance(rtol=1e-5 if rtol is None else rtol, atol=1e-8 if atol is None else atol)
    return None if largest is None else Tolerance(largest)


@dataclass(frozen=True, slots=True)
class Deviation:
    """Deviation of two results.

    Attributes:
        largest: the largest absolute difference; 0 for values that differ only in their bits (0.0 and -0.0),
            and infinite if no number expresses the difference: different shapes, lengths, keys, types or
            strings, or NaN or infinity against another value.
        where: the part of the value with that difference.
        relative: `largest` divided by the largest finite magnitude in the whole result of the original; 0 if
            `largest` is 0, otherwise infinite if the magnitude is 0. One huge element of the result makes the
            quotient small for any deviation.
        rounding: whether only floats differ, and `relative` is no more than `ROUNDING`.
        within: whether no element deviates more than allowed; None without tolerance.
    """

    largest: float
    where: str
    relative: float = inf
    rounding: bool = False
    within: bool | None = None


def difference(
    before: object, after: object, where: str = "", tolerance: Tolerance | None = None
) -> Deviation | None:
    """Return the deviation of two results; None if they agree bit for bit. NaN equals NaN.

    Args:
        before: the result of the original: tensor, sequence, map, optional or string.
        after: the result of the other model.
        where: the name of the result in messages.
        tolerance: the allowed deviation.
    """
    magnitude = _magnitude(before)
    parts = list(_deviations(before, after, where, magnitude, tolerance))
    if not parts:
        return None
    worst = max(parts, key=lambda each: each.largest)
    relative = 0.0 if not worst.largest else worst.largest / magnitude if magnitude else inf
    rounding = relative <= ROUNDING and all(each.rounding for each in parts)
    within = None if tolerance is None else all(each.within for each in parts)
    return replace(worst, relative=relative, rounding=rounding, within=within)


def _deviations(
    before: object, after: object, where: str, magnitude: float, tolerance: Tolerance | None
) -> Iterator[Deviation]:
    """Yield the deviations of the parts of two results that differ."""
    match before, after:
        case np.ndarray(), np.ndarray():
            found = _of_arrays(before, after, where, magnitude, tolerance)
            yield from () if found is None else (found,)
        case list(), list():
            if len(before) != len(after):
                yield _total(f"{where} has {counted(len(before), 'element')} before, {len(after)} after")
                return
            for number, (left, right) in enumerate(zip(before, after, strict=True)):
                yield from _deviations(left, right, f"{where}[{number}]", magnitude, tolerance)
        case dict(), dict():
            if list(before) != list(after):
                yield _total(f"{where} has other keys")
                return
            for key, left in before.items():
                yield from _deviations(left, after[key], f"{where}[{key!r}]", magnitude, tolerance)
        case _:
            yield from _of_scalars(before, after, where, magnitude, tolerance)


def distance(reference: Array, other: Array) -> Distance:
    """Return the deviation of an array from a reference with the same number of elements.

    Unlike `difference`, it ignores types, shapes and the exact values of masks. The magnitude of the
    reference is that of its largest finite element, without masks; it counts as at least 1e-3, and as at
    least 1 for integers and booleans.
    """
    largest, at = 0.0, 0
    magnitude = _LEAST_WHOLE if reference.dtype.kind in "biu" else _LEAST_MAGNITUDE
    flat, others = reference.reshape(-1), other.reshape(-1)
    limits = [_HUGE_HALF if array.dtype == np.float16 else _HUGE for array in (reference, other)]
    for start in range(0, flat.size, _BLOCK):
        x = flat[start : start + _BLOCK].astype(np.float64)
        y = others[start : start + _BLOCK].astype(np.float64)
        huge = [np.abs(side) >= limit for side, limit in zip((x, y), limits, strict=True)]
        same = (huge[0] & huge[1] & (np.sign(x) == np.sign(y))) | (np.isnan(x) & np.isnan(y))
        with np.errstate(all="ignore"):
            apart = np.where(same, 0.0, np.abs(x - y))
        apart[np.isnan(apart)] = inf
        worst = int(np.argmax(apart))
        if apart[worst] > largest:
            largest, at = float(apart[worst]), start + worst
        finite = np.isfinite(x) & ~huge[0]
        magnitude = max(magnitude, float(np.abs(x).max(initial=0.0, where=finite)))
    return Distance(largest / magnitude, largest, at)


def telling(result: object) -> bool:
    """Whether a result can show a difference; an array that is empty, or nowhere finite, cannot."""
    if not isinstance(result, np.ndarray):
        return True
    if not result.size or result.dtype == object or result.dtype.kind in "biu":
        return bool(result.size)
    with np.errstate(all="ignore"):
        return bool((result - result == 0).any())


def _magnitude(result: object) -> float:
    """Return the largest finite magnitude of a result; 0 if it has no numbers."""
    match result:
        case list():
            return max(map(_magnitude, result), default=0.0)
        case dict():
            return max(map(_magnitude, result.values()), default=0.0)
        case int() | float():
            return _magnitude(np.array(result))
        case np.ndarray() if result.dtype != object:
            with np.errstate(all="ignore"):
                sizes = np.abs(result.astype(_wide(result.dtype)))
            return float(sizes.max(initial=0.0, where=np.isfinite(sizes)))
    return 0.0


def _of_scalars(
    before: object, after: object, where: str, magnitude: float, tolerance: Tolerance | None
) -> Iterator[Deviation]:
    """Yield the deviation of scalars in maps, strings, absent optionals, or values of different kinds."""
    if type(before) is not type(after):
        yield _total(f"{where} is {_kind(before)} before, {_kind(after)} after")
    elif isinstance(before, int | float):
        yield from _deviations(np.array(before), np.array(after), where, magnitude, tolerance)
    elif before != after:
        yield _total(where)


def _kind(value: object) -> str:
    return "absent" if value is None else type(value).__name__


def _total(where: str) -> Deviation:
    """Return a deviation that no number expresses."""
    return Deviation(inf, where.strip(), within=False)


def _of_arrays(
    before: Array, after: Array, where: str, magnitude: float, tolerance: Tolerance | None
) -> Deviation | None:
    if before.dtype != after.dtype:
        return _total(f"{where} is {before.dtype} before, {after.dtype} after")
    if before.shape != after.shape:
        return _total(f"{where} has shape {before.shape} before, {after.shape} after")
    differs = _differing(before, after)
    if not differs.any():
        return None
    places = np.argwhere(differs)
    left = before[differs]
    far = _distances(left, after[differs])
    worst = int(np.argmax(far))
    index = ", ".join(str(each) for each in places[worst].tolist())
    within = None if tolerance is None else _is_within(left, far, magnitude, tolerance)
    place = f"{where}[{index}]" if index else where
    return Deviation(float(far[worst]), place, rounding=_is_float(before.dtype), within=within)


def _is_float(dtype: np.dtype[Any]) -> bool:
    """Whether a type is float or complex; includes the float types of `ml_dtypes`."""
    return dtype.kind in "fc" or "float" in dtype.name


def _is_within(before: Array, far: npt.NDArray[np.float64], magnitude: float, tolerance: Tolerance) -> bool:
    if before.dtype == object:
        return False
    with np.errstate(all="ignore"):
        sizes = np.abs(before.astype(_wide(before.dtype)))
        return bool(np.isfinite(far).all() and (far <= tolerance.bounds(sizes, magnitude)).all())


def _differing(before: Array, after: Array) -> npt.NDArray[np.bool_]:
    """Return a mask of the elements whose bits differ, except where both are NaN."""
    if before.dtype == object or not before.size:
        return np.asarray(before != after, dtype=np.bool_).reshape(before.shape)
    size = before.dtype.itemsize
    left = np.ascontiguousarray(before).view(np.uint8).reshape(*before.shape, size)
    right = np.ascontiguousarray(after).view(np.uint8).reshape(*after.shape, size)
    differs = np.asarray((left != right).any(axis=-1))
    if differs.any() and before.dtype.kind not in "biu":
        with np.errstate(all="ignore"):
            differs &= ~((before != before) & (after != after))  # noqa: PLR0124  only NaN differs from itself
    return differs


def _distances(before: Array, after: Array) -> npt.NDArray[np.float64]:
    if before.dtype == object:
        return np.full(before.shape, inf)
    if before.dtype.kind in "iu":
        # The difference of two integers fits the unsigned type of their width, whatever their signs.
        unsigned = np.dtype(f"u{before.dtype.itemsize}")
        apart = np.maximum(before, after).view(unsigned) - np.minimum(before, after).view(unsigned)
        return np.asarray(apart.astype(np.float64))
    wide = _wide(before.dtype)
    with np.errstate(all="ignore"):
        apart = np.abs(before.astype(wide) - after.astype(wide))
    return np.asarray(np.where(np.isnan(apart), inf, apart), dtype=np.float64)


def _wide(dtype: np.dtype[Any]) -> type[np.complex128 | np.float64]:
    return np.complex128 if dtype.kind == "c" else np.float64
