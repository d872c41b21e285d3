"""Sizes of dimensions: polynomials over symbols, with integer coefficients.

Sums and products hold for every value of the symbols, and also modulo 2**64, since that is a ring. So two
equal polynomials are equal numbers even if int64 overflows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

Monomial = tuple[int, ...]
"""Symbols of a product, sorted; a symbol that occurs twice is squared."""


@dataclass(frozen=True)
class Size:
    """Size of a dimension, or an integer computed from sizes.

    Attributes:
        parts: monomial -> coefficient, sorted by monomial, without coefficients of 0.
    """

    parts: tuple[tuple[Monomial, int], ...]

    @cached_property
    def number(self) -> int | None:
        """The value; None if it depends on a symbol."""
        if not self.parts:
            return 0
        return self.parts[0][1] if len(self.parts) == 1 and not self.parts[0][0] else None

    @cached_property
    def symbols(self) -> frozenset[int]:
        """The symbols that the size depends on."""
        return frozenset(symbol for monomial, _ in self.parts for symbol in monomial)

    @property
    def is_product(self) -> bool:
        """Whether this is a positive number times symbols, so that it is 0 only if a symbol is 0."""
        return len(self.parts) == 1 and self.parts[0][1] > 0

    @property
    def is_natural(self) -> bool:
        """Whether this is at least 0, if no symbol is negative."""
        return all(count >= 0 for _, count in self.parts)

    def __add__(self, other: Size) -> Size:
        return _size([*self.parts, *other.parts])

    def __sub__(self, other: Size) -> Size:
        return self + other * number(-1)

    def __mul__(self, other: Size) -> Size:
        return _size(
            (tuple(sorted(left + right)), count * times)
            for left, count in self.parts
            for right, times in other.parts
        )

    def divided_by(self, other: Size) -> Size | None:
        """Return the quotient by a product of symbols; None if it is not exact for every value of these."""
        if not other.is_product:
            return None
        ((symbols, times),) = other.parts
        quotient = []
        for monomial, count in self.parts:
            left = list(monomial)
            for symbol in symbols:
                if symbol not in left:
                    return None
                left.remove(symbol)
            if count % times:
                return None
            quotient.append((tuple(left), count // times))
        return _size(quotient)


Dims = tuple[Size, ...]
"""Shape of a tensor."""


def number(value: int) -> Size:
    """Return a size without symbols."""
    return Size((((), value),) if value else ())


def symbol(name: int) -> Size:
    """Return a size that is one symbol; symbols are at least 0."""
    return Size((((name,), 1),))


def product(sizes: Iterable[Size]) -> Size:
    """Return the product of sizes; 1 for none."""
    result = ONE
    for size in sizes:
        result = result * size
    return result


def _size(parts: Iterable[tuple[Monomial, int]]) -> Size:
    found: dict[Monomial, int] = {}
    for monomial, count in parts:
        found[monomial] = found.get(monomial, 0) + count
    return Size(tuple(sorted((monomial, count) for monomial, count in found.items() if count)))


ONE = number(1)
ZERO = number(0)
