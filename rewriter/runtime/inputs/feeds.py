"""Draws input sets for a model from its signature and graph; names of inputs are not interpreted.

- Floats are normal(0, 1), unless they are indices.
- Numbers that are indices are whole and stay below the size of their table (see `indices`).
- Other integers of 16 bits and more, and bools, are treated as masks: all ones in the first set; in later
  sets, rows of ones followed by zeros, with at least one of each if a row has two elements or more.
- Integers of 8 bits and fewer are data (images, quantised activations) over their whole range.
- Strings are short words.
- If inputs determine the number of iterations of Loops, or the branches of Ifs (see `trip_counts`), extra
  sets ask for 0, 1 and 3 iterations, and choose branches by 0 and 1 (false and true).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from math import prod
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from rewriter.runtime.inputs.dimension_sizes import Choice, choices, with_size
from rewriter.runtime.inputs.input import STRING, Bound, FeedError, Input, Rounds

Array: TypeAlias = npt.NDArray[Any]

FEW = 2
"""Maximum number of input sets if every run is expensive.

With two sets, a run on other data that tests the first set becomes the second set, which saves a third run.
"""
LOOPED = "looped"
"""Stage of the extra sets for Loops: if the child ends in it, only these sets are lost."""
_MOST_ELEMENTS = 2**30
_MOST_SYMBOLS = 4
"""Maximum number of dimensions to try among those that may determine the iterations of a Loop."""
_SEVERAL = 3
"""Number of iterations in the last extra set for Loops: only later iterations see results of earlier ones."""
_NARROW = 8
"""Maximum bits of an integer that counts as data."""
_WORDS = ("", "a", "word", "two words", "é", "0")


class Filling(StrEnum):
    """Way to fill inputs.

    `ONES` and `ZEROS` are for graphs with sizes, counts or rates as inputs: integers and bools are all ones
    or all zeros, and floats lie between 0 and 1. An index is 0 if its table has one entry. Strings, and
    floats that are indices, are drawn in any case.
    """

    DRAWN = "drawn"
    ONES = "ones"
    ZEROS = "zeros"


@dataclass(frozen=True, slots=True)
class Plan:
    """Data from which input sets are drawn, without the model, so that a plan is cheap to send."""

    inputs: tuple[Input, ...]
    bounds: Mapping[str, tuple[Bound, ...]]
    constants: tuple[int, ...] = ()
    rounds: Rounds = field(default_factory=Rounds)

    def choices(self) -> tuple[Choice, ...]:
        """Return the sizes worth trying, best first."""
        return choices(self.inputs, self.constants)

    def fill(
        self, choice: Choice, number: int, *, seed: int = 0, filling: Filling = Filling.DRAWN
    ) -> dict[str, Array]:
        """Draw input set `number` at the sizes of `choice`; equal arguments give equal arrays.

        Raises:
            FeedError: an input has too many elements to draw.
        """
        rng = np.random.default_rng((seed, number))
        return {each.name: self._array(each, choice, number, filling, rng) for each in self.inputs}

    def looped(
        self, choice: Choice, number: int, *, seed: int = 0, filling: Filling = Filling.DRAWN
    ) -> Iterator[dict[str, Array]]:
        """Yield variants of input set `number` that ask Loops for 0, 1 and 3 iterations, or Ifs for a branch.

        There are none if inputs determine neither.

        Raises:
            FeedError: an input has too many elements to draw.
        """
        drawn = self.fill(choice, number, seed=seed, filling=filling)
        for count in (0, 1):
            if self.rounds.inputs:
                yield _filled(drawn, self.rounds.inputs, count)
            for symbol in list(choice.sizes)[:_MOST_SYMBOLS] if self.rounds.sizes else ():
                other = with_size(self.inputs, choice, symbol, count)
                if other is not None:
                    yield self.fill(other, number, seed=seed, filling=filling)
            branch = _filled(drawn, self.rounds.branches, count)
            if self.rounds.branches != self.rounds.inputs and any(
                not np.array_equal(drawn[name], branch[name]) for name in self.rounds.branches
            ):
                yield branch
        several = _filled(drawn, self.rounds.inputs, _SEVERAL)
        if any(not np.array_equal(drawn[name], several[name]) for name in self.rounds.inputs):
            yield several

    def _array(
        self, each: Input, choice: Choice, number: int, filling: Filling, rng: np.random.Generator
    ) -> Array:
        shape = choice.shapes[each.name]
        if prod(shape) > _MOST_ELEMENTS:
            raise FeedError(f"input {each.name!r} has {prod(shape)} elements")
        limits = [bound.limit(choice.sizes) for bound in self.bounds.get(each.name, ())]
        limit = min(limits, default=None)
        dtype = each.dtype
        if each.element == STRING:
            return np.array(rng.choice(_WORDS, shape), dtype=object).reshape(shape)
        bits = re.fullmatch(r"u?int(\d+)", dtype.name)
        if bits is None and dtype != np.bool_:
            floats = rng.standard_normal(shape) if filling is Filling.DRAWN else rng.random(shape)
            return np.asarray(floats if limit is None else rng.integers(0, limit, shape)).astype(dtype)
        if filling is not Filling.DRAWN:
            plain = 1 if filling is Filling.ONES and limit != 1 else 0
            return np.full(shape, plain).astype(dtype)
        if bits is not None and (limit is not None or int(bits[1]) <= _NARROW):
            low, high = _range(dtype.name, int(bits[1]))
            lowest, past = (low, high + 1) if limit is None else (0, min(limit, high + 1))
            return np.asarray(rng.integers(lowest, past, shape)).astype(dtype)
        return _mask(shape, number, rng).astype(dtype)


@dataclass(frozen=True, slots=True)
class Drawing:
    """Rules of the input sets for a model.

    Attributes:
        plan: the plan from which they are drawn.
        sets: number of sets, without extra ones for Loops.
        seed: seed of the drawing.
        given: one array per input of the plan, used as the only set; None if sets are drawn.
        draws: whether the model may draw random numbers. Its results then depend on the number of earlier
            runs, so both models must run equally often.
    """

    plan: Plan
    sets: int
    seed: int = 0
    given: Mapping[str, Array] | None = None
    draws: bool = True


def _filled(feeds: Mapping[str, Array], names: Iterable[str], number: int) -> dict[str, Array]:
    """Return an input set in which all elements of the named inputs are one number."""
    return {**feeds, **{name: np.full_like(feeds[name], number) for name in names}}


def _range(name: str, bits: int) -> tuple[int, int]:
    return (0, 2**bits - 1) if name.startswith("u") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def _mask(shape: tuple[int, ...], number: int, rng: np.random.Generator) -> Array:
    """Return a mask: all ones in the first set; later, rows of two or more elements end in zeros."""
    if number == 0 or not shape or shape[-1] < 2:
        return np.ones(shape, dtype=np.int64)
    lengths = rng.integers(1, shape[-1], shape[:-1])
    return (np.arange(shape[-1]) < np.asarray(lengths)[..., None]).astype(np.int64)
