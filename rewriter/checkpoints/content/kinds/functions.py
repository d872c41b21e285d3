"""Kind: a function of each element of a tensor, times a number that is no weight: -exp(A_log), w / 8.

Candidates are the tensors whose probes have one ratio to the probe of the target. Verified on all elements up
to rounding. The number has to be a ratio of small whole numbers, or a square or fourth root of a whole number
or of its reciprocal: any other may have been computed from weights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from rewriter.checkpoints.content.kinds.probes import Probes, View, block
from rewriter.checkpoints.content.kinds.same_elements import restored
from rewriter.checkpoints.content.old import FEW, squeezed
from rewriter.checkpoints.content.rounding import ROUNDINGS, closest, roundings, unit_of
from rewriter.checkpoints.formula import Formula, Key, OfOne, Read
from rewriter.model.tensors import Array

_LARGEST = 64
"""Largest denominator, or numerator of a number below 1."""
_LARGEST_ROOT = 4096
"""Largest whole number whose roots count, such as the root of the size of a head."""
_HUNDRED = float(np.log(100.0))


def _sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-x)))


FUNCTIONS: Mapping[str, Callable[[Array], Array]] = {
    "": lambda x: x,
    "exp": np.exp,
    "1 +": lambda x: 1 + x,
    "1 -": lambda x: 1 - x,
    "sigmoid": _sigmoid,
    "tanh": np.tanh,
    "softplus": lambda x: np.logaddexp(x, 0),
    "square root": np.sqrt,
    "reciprocal": np.reciprocal,
    "reciprocal square root": lambda x: 1 / np.sqrt(x),
    "square": np.square,
    "abs": np.abs,
    "relu": lambda x: np.maximum(x, 0),
    "log": np.log,
    "exp of at most log 100:": lambda x: np.exp(np.minimum(x, _HUNDRED)),
}
"""Text -> function of all elements, in double precision."""


@dataclass(frozen=True, slots=True)
class Mapped(OfOne):
    """A function of each element of a formula, times a number."""

    function: str
    factor: float = 1.0

    def evaluate(self, read: Read) -> Array:
        """Return the function of each element, in double precision."""
        with np.errstate(all="ignore"):
            return self.factor * FUNCTIONS[self.function](self.of.evaluate(read).astype(np.float64))

    def __str__(self) -> str:
        inner = f"{self.function} {self.of}".strip()
        return inner if self.factor == 1 else f"{self.factor:g} * {inner}"


class ElementFunctions:
    """Search for functions of one tensor."""

    def __init__(self, probes: Probes) -> None:
        self._probes = probes

    def multiple_of(self, target: Array) -> Formula | None:
        """Return a tensor of which the target is a multiple, by any number; None without one."""
        for view in self._probes.views(target):
            formulas, blocks = self._probes.of(view.triple)
            for number in np.flatnonzero(np.isfinite(_factors(blocks, view))):
                return formulas[number]
        return None

    def find(self, target: Array) -> list[Formula]:
        """Return the functions of one tensor that give the target; few elements allow no factor."""
        found: list[tuple[float, Formula]] = []
        for view in self._probes.views(target):
            for formula in self._of_view(view):
                error = roundings(formula.evaluate(self._probes.old.read), view.array)
                if error <= ROUNDINGS:
                    shape = squeezed(target.shape)
                    found.append((error, restored(formula, shape, view.axes, target.shape)))
        return closest(found)

    def _of_view(self, view: View) -> list[Formula]:
        formulas, blocks = self._probes.of(view.triple)
        target_is_long = view.array.size >= FEW
        found: list[Formula] = []
        for text, function in FUNCTIONS.items():
            with np.errstate(all="ignore"):
                factors = _factors(function(blocks), view)
            for number in np.flatnonzero(np.isfinite(factors)):
                unit, inner = unit_of(view.array.dtype), formulas[number]
                factor = plain_number(float(factors[number]), 2 * unit)
                if abs(abs(factors[number]) - 1) <= ROUNDINGS * unit:
                    factor = float(np.sign(factors[number]))
                allowed = abs(factor or 0) == 1 or (factor is not None and target_is_long)
                if factor is not None and allowed and (not text or isinstance(inner, Key)):
                    found.append(inner if text == "" and factor == 1 else Mapped(inner, text, factor))
        return found


def _factors(blocks: Array, view: View) -> Array:
    """Return the factor by which each block gives that of the target; no finite number without one."""
    wanted = block(view.array).reshape(-1)
    values = blocks.reshape(len(blocks), wanted.size)
    largest = np.argmax(np.abs(wanted))
    with np.errstate(all="ignore"):
        factors = wanted[largest] / values[:, largest]
        error = np.abs(wanted - factors[:, None] * values)
        fits = (error <= ROUNDINGS * unit_of(view.array.dtype) * np.abs(wanted)).all(axis=1)
    return np.where(fits, factors, np.nan)


def plain_number(number: float, unit: float) -> float | None:
    """Return the simple number next to a number: a small ratio or a root of one; None without one.

    Such numbers are rare: of random numbers near 1, one in 2,000 is this close to one in single precision.
    """
    for power, largest in ((1, _LARGEST), (2, 1), (4, 1)) if number and np.isfinite(number) else ():
        size = abs(number) ** power
        if not 1 / _LARGEST_ROOT <= size <= _LARGEST_ROOT:
            continue
        ratio = Fraction(size).limit_denominator(largest) if size >= 1 else None
        ratio = ratio or 1 / Fraction(1 / size).limit_denominator(largest)
        if abs(float(ratio) - size) <= power * unit * size:
            return float(np.copysign(float(ratio) ** (1 / power), number))
    return None
