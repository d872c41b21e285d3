"""How far two results of a model are apart: tensors, sequences, maps, optionals and strings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

_LEAST_MAGNITUDE = 1e-3
"""Below it a difference is held against this instead, so that rounding around zero stays small."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How far apart two results are.

    Attributes:
        largest: the largest absolute difference; 0 for values that differ in their bits alone (0.0 and -0.0),
            and infinite where no number says how far apart they are: other shapes, types or strings, NaN or
            infinity against a number.
        where: which part of the value that is.
        relative: `largest` over the largest finite magnitude in the whole result before, or over 1e-3 where
            that is less; infinite where `largest` is. One huge number makes it small for all the others.
    """

    largest: float
    where: str
    relative: float = inf


def difference(before: object, after: object, where: str = "") -> Difference | None:
    """The difference of two results, None if they are the same bit for bit; NaN equals NaN."""
    apart = _apart(before, after, where)
    if apart is None:
        return None
    return replace(apart, relative=apart.largest / max(_magnitude(before), _LEAST_MAGNITUDE))


def _apart(before: object, after: object, where: str) -> Difference | None:
    """The absolute difference of two results or parts of them."""
    match before, after:
        case np.ndarray(), np.ndarray():
            return _of_arrays(before, after, where)
        case list(), list():
            return _of_lists(before, after, where)
        case dict(), dict():
            return _of_maps(before, after, where)
    return _of_scalars(before, after, where)


def telling(result: object) -> bool:
    """Whether a result can show a difference: not an empty tensor, and not NaN or infinity throughout."""
    if not isinstance(result, np.ndarray):
        return True
    if not result.size or result.dtype == object or result.dtype.kind in "biu":
        return bool(result.size)
    with np.errstate(all="ignore"):
        return bool((result - result == 0).any())


def _magnitude(result: object) -> float:
    """The largest finite magnitude of a result, 0 where it holds no number."""
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


def _of_lists(before: list[object], after: list[object], where: str) -> Difference | None:
    if len(before) != len(after):
        return Difference(inf, f"{where} has {len(before)} elements before, {len(after)} after".strip())
    pairs = enumerate(zip(before, after, strict=True))
    return _largest([_apart(left, right, f"{where}[{number}]") for number, (left, right) in pairs])


def _of_maps(before: dict[object, object], after: dict[object, object], where: str) -> Difference | None:
    if list(before) != list(after):
        return Difference(inf, f"{where} has other keys".strip())
    return _largest([_apart(before[key], after[key], f"{where}[{key!r}]") for key in before])


def _of_scalars(before: object, after: object, where: str) -> Difference | None:
    """Elements of maps, and optionals without a value."""
    if type(before) is not type(after):
        return Difference(inf, f"{where} is {_kind(before)} before, {_kind(after)} after".strip())
    if isinstance(before, int | float):
        return _of_arrays(np.array(before), np.array(after), where)
    return None if before == after else Difference(inf, where)


def _kind(value: object) -> str:
    return "absent" if value is None else type(value).__name__


def _largest(found: list[Difference | None]) -> Difference | None:
    return max((each for each in found if each is not None), key=lambda each: each.largest, default=None)


def _of_arrays(before: Array, after: Array, where: str) -> Difference | None:
    if before.dtype != after.dtype:
        return Difference(inf, f"{where} is {before.dtype} before, {after.dtype} after".strip())
    if before.shape != after.shape:
        return Difference(inf, f"{where} has shape {before.shape} before, {after.shape} after".strip())
    differs = _differing(before, after)
    if not differs.any():
        return None
    places = np.argwhere(differs)
    far = _distances(before[differs], after[differs])
    worst = int(np.argmax(far))
    index = ", ".join(str(each) for each in places[worst].tolist())
    return Difference(float(far[worst]), f"{where}[{index}]" if index else where)


def _differing(before: Array, after: Array) -> npt.NDArray[np.bool_]:
    """True where the bits differ and not both are NaN."""
    if before.dtype == object or not before.size:
        return np.asarray(before != after, dtype=np.bool_).reshape(before.shape)
    size = before.dtype.itemsize
    left = np.ascontiguousarray(before).view(np.uint8).reshape(*before.shape, size)
    right = np.ascontiguousarray(after).view(np.uint8).reshape(*after.shape, size)
    differs = np.asarray((left != right).any(axis=-1))
    if differs.any() and before.dtype.kind not in "biu":
        with np.errstate(all="ignore"):
            differs &= ~((before != before) & (after != after))  # noqa: PLR0124  NaN is what differs from itself
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
