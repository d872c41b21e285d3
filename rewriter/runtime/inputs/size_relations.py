"""Linear relations between the symbolic dimensions of a model's inputs, such as `mask = past + new`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count

_SMALLEST = 7
"""Smallest of the distinct sizes: numbers of axes and inputs in a message are smaller."""


@dataclass(frozen=True, slots=True)
class Linear:
    """Sum of sizes with whole factors, and a constant: `past + new + 1`.

    Attributes:
        terms: (symbol, factor) in alphabetical order; no factor is 0.
        constant: the number that is added.
    """

    terms: tuple[tuple[str, int], ...] = ()
    constant: int = 0

    @classmethod
    def of(cls, *symbols: str, constant: int = 0) -> Linear:
        """Return the sum of some symbols and a constant."""
        return cls(tuple(sorted(Counter(symbols).items())), constant)

    def plus(self, other: Linear, factor: int = 1) -> Linear:
        """Return this sum plus a multiple of another."""
        terms = Counter(dict(self.terms))
        for symbol, times in other.terms:
            terms[symbol] += factor * times
        kept = tuple(sorted((symbol, times) for symbol, times in terms.items() if times))
        return Linear(kept, self.constant + factor * other.constant)

    def replaced(self, symbol: str, by: Linear) -> Linear:
        """Return this sum with another one in place of a symbol."""
        times = dict(self.terms).get(symbol, 0)
        return self.plus(by.plus(Linear.of(symbol), -1), times) if times else self

    def value(self, sizes: Mapping[str, int]) -> int:
        """Return the number that the sum is at some sizes."""
        return self.constant + sum(times * sizes[symbol] for symbol, times in self.terms)


@dataclass(frozen=True, slots=True)
class Relations:
    """Definitions of some symbols by the free ones.

    Attributes:
        defined: symbol -> its size; no sum has a symbol that is defined itself.
    """

    defined: Mapping[str, Linear] = field(default_factory=dict)

    def reduced(self, sum_: Linear) -> Linear:
        """Return the same sum over free symbols alone."""
        for symbol, _ in sum_.terms:
            if symbol in self.defined:
                sum_ = sum_.replaced(symbol, self.defined[symbol])
        return sum_

    def equated(self, left: Linear, right: Linear) -> Relations | None:
        """Return the relations with one more equation; None if it says nothing new or has no solution.

        The new definition has positive factors if there is such a one, since sizes are positive.
        """
        gap = self.reduced(left).plus(self.reduced(right), -1)
        solutions = [_solved(gap, symbol, times) for symbol, times in gap.terms if abs(times) == 1]
        if not solutions:
            return None
        symbol, size = min(solutions, key=lambda each: sum(times < 0 for _, times in each[1].terms))
        if not size.terms and size.constant < 0:
            return None
        others = {name: sum_.replaced(symbol, size) for name, sum_ in self.defined.items()}
        return Relations({**others, symbol: size})

    def sizes(self, free: Mapping[str, int]) -> dict[str, int] | None:
        """Return the sizes of all symbols at sizes of the free ones; None if one would be negative."""
        found = {**free, **{symbol: sum_.value(free) for symbol, sum_ in self.defined.items()}}
        return None if any(size < 0 for size in found.values()) else found


def _solved(gap: Linear, symbol: str, times: int) -> tuple[str, Linear]:
    """Return a symbol of an equation `gap = 0` and its size."""
    return symbol, Linear().plus(gap.plus(Linear.of(symbol), -times), -times)


def distinct_sums(number: int) -> list[int]:
    """Return sizes such that each size, each sum of two, and each of these plus 1 are different numbers."""
    sizes: list[int] = []
    taken: set[int] = set()
    for size in count(_SMALLEST):
        if len(sizes) == number:
            break
        fresh = [size, *(size + other for other in sizes)]
        near = {each + step for each in fresh for step in (0, 1)}
        if taken.isdisjoint(near) and len(near) == 2 * len(fresh):
            sizes.append(size)
            taken |= near
    return sizes
