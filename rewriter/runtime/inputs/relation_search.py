"""Searches for relations between the sizes of a model's inputs: runs it, and reads the numbers in the errors.

In a probe, the sizes and the sums of two sizes are different numbers. If a run fails, the message of
onnxruntime often has two sizes that should have been equal: after `7 by 23`, the symbol of size 7 is tried as
the sum of the symbols of sizes 10 and 13. Only the numbers of a message are read, and not its words. They
suggest equations, and the next probe tells whether an equation helps: a message that says something else, or
nothing, costs probes and gives no wrong result.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, permutations, product
from math import gcd, prod
from typing import NamedTuple, TypeAlias

from rewriter.runtime.inputs.size_relations import Linear, Relations, distinct_sums

_NUMBER = re.compile(r"(?<![\w.:/-])\d{1,6}(?![\w/]|\.\w)")
"""A number that stands alone, so that it is no part of a name or of a place in onnxruntime's source."""
_MOST_SYMBOLS = 12
"""Most symbols without relations: the sizes of a probe grow with the square of their number."""
_MOST_RUNS = 64
_MOST_NUMBERS = 12
"""Numbers of a message that count."""
_MOST_TIMES = 128
"""Largest common multiple of two sizes."""

Failure: TypeAlias = str | None
"""Message of a run that failed; None if it succeeded."""


@dataclass(slots=True)
class RelationSearch:
    """Search for the relations of a model.

    Attributes:
        dims: the dimensions of every input, by its name; symbols for unknown ones.
        axes: the symbols that are not computed from others, each with the first axis that has it.
        run: runs the model at sizes of these symbols.
        left: number of runs that are left.
    """

    dims: Mapping[str, tuple[int | str, ...]]
    axes: Mapping[str, int]
    run: Callable[[Mapping[str, int]], Failure]
    left: int = 0

    def found(self) -> Relations | None:
        """Return relations at which the model runs; None if none are found.

        Axes of inputs with equal fixed sizes, as those of a cache, are equal in a first search, and free in a
        second one.
        """
        for start in (_alike(self.dims, self.axes), Relations()):
            self.left = _MOST_RUNS
            found = self._from(start)
            if found is not None:
                return found
        return None

    def _from(self, relations: Relations, short: Table | None = None) -> Relations | None:
        free = tuple(symbol for symbol in self.axes if symbol not in relations.defined)
        if len(free) > _MOST_SYMBOLS or not self.left:
            return None
        self.left -= 1
        probe = dict(zip(free, distinct_sums(len(free)), strict=True))
        sizes = relations.sizes(probe)
        failure = "" if sizes is None else self.run(sizes)
        if failure is None:
            return relations
        again = None if short is None else short.reduced(relations)
        for each in suggestions(failure, probe, self.axes, again):
            further = relations.equated(*each.equation)
            found = None if further is None else self._from(further, each.short)
            if found is not None:
                return found
        return None


@dataclass(frozen=True, slots=True)
class Table:
    """Table that is too short for an index.

    Attributes:
        factors: its size is their product.
        open: the symbols in them for which no other size was tried.
    """

    factors: tuple[Linear, ...]
    open: tuple[str, ...]

    def reduced(self, relations: Relations) -> Table:
        """Return the table with factors over free symbols."""
        return Table(tuple(map(relations.reduced, self.factors)), self.open)

    def size(self, probe: Mapping[str, int]) -> int:
        """Return the number of its entries."""
        return prod(each.value(probe) for each in self.factors)

    def suggestions(self, probe: Mapping[str, int], axes: Mapping[str, int]) -> Iterator[Suggestion]:
        """Yield other sizes for the open symbols."""
        for symbol in self.open:
            left = tuple(each for each in self.open if each != symbol)
            for size in _other_sizes(symbol, probe, axes):
                yield Suggestion((Linear.of(symbol), size), Table(self.factors, left))


class Suggestion(NamedTuple):
    """Equation to try; `short` is the table that it should make long enough."""

    equation: tuple[Linear, Linear]
    short: Table | None = None


def suggestions(
    message: str, probe: Mapping[str, int], axes: Mapping[str, int], short: Table | None = None
) -> Iterator[Suggestion]:
    """Yield the equations that the numbers of a message suggest, the most telling first.

    Two sizes should have been equal, or a size is a fixed number of the graph. A message with a single size,
    or the product of two, may be about an index that a table of this size does not have.

    Args:
        message: reason of a failed run.
        probe: the sizes of the free symbols in that run.
        axes: the axis of each symbol.
        short: the table that the last suggestion should have made long enough.
    """
    numbers = list(dict.fromkeys(int(each) for each in _NUMBER.findall(message)))[:_MOST_NUMBERS]
    meanings = _meanings(probe)
    known = [meanings[number] for number in numbers if number in meanings]
    if short is not None and short.size(probe) in numbers:
        yield from short.suggestions(probe, axes)
        return
    pairs = sorted(combinations(known, 2), key=lambda pair: len(pair[0].terms) + len(pair[1].terms))
    yield from map(Suggestion, pairs)
    yield from _in_proportion(numbers, meanings)
    products = {probe[a] * probe[b]: (a, b) for a, b in combinations(probe, 2)}
    sizes = meanings.keys() | products.keys()
    fixed = [number for number in numbers if number > 1 and sizes.isdisjoint((number, number + 1))]
    yield from (Suggestion((each, Linear((), number))) for each, number in product(known, fixed))
    if pairs:
        return
    if 0 in numbers:
        yield from (each for symbol in known for each in _beyond(symbol, probe))
    tables = [Table((each,), tuple(symbol for symbol, _ in each.terms)) for each in known]
    factors = [products[number] for number in numbers if number in products]
    tables += [Table(tuple(map(Linear.of, each)), each) for each in factors]
    for table in tables:
        yield from table.suggestions(probe, axes)


def _in_proportion(numbers: list[int], meanings: Mapping[int, Linear]) -> Iterator[Suggestion]:
    """Yield equations of sizes if two numbers are the same multiple of them: the batch times the heads."""
    for left, right in combinations(numbers, 2):
        for factor in range(2, min(gcd(left, right), _MOST_TIMES) + 1):
            if left % factor == right % factor == 0:
                sizes = [meanings.get(each // factor) for each in (left, right)]
                if sizes[0] is not None and sizes[1] is not None:
                    yield Suggestion((sizes[0], sizes[1]))


def _beyond(size: Linear, probe: Mapping[str, int]) -> Iterator[Suggestion]:
    """Yield sums with a size: an axis may be so short that a slice of it is empty where it should have it."""
    own = [symbol for symbol, _ in size.terms]
    others = [symbol for symbol in probe if symbol not in own]
    for short, rest in permutations(others, 2):
        yield from (Suggestion((Linear.of(short), Linear.of(rest, symbol))) for symbol in own)


def _meanings(probe: Mapping[str, int]) -> dict[int, Linear]:
    """Return the sizes and the sums of two, and each of them plus 1, by number."""
    sums = [Linear.of(symbol) for symbol in probe] + [Linear.of(*pair) for pair in combinations(probe, 2)]
    return {each.value(probe) + step: Linear(each.terms, step) for step in (1, 0) for each in sums}


def _other_sizes(symbol: str, probe: Mapping[str, int], axes: Mapping[str, int]) -> Iterator[Linear]:
    """Yield the sizes that a symbol may have: those of the same axis, sums of two, those of other axes."""
    others = [each for each in probe if each != symbol]
    yield from (Linear.of(each) for each in others if axes[each] == axes[symbol])
    yield from (Linear.of(*pair) for pair in combinations(others, 2))
    yield from (Linear.of(each) for each in others if axes[each] != axes[symbol])


def _alike(dims: Mapping[str, tuple[int | str, ...]], symbols: Mapping[str, int]) -> Relations:
    """Return relations by which axes are equal whose inputs have equal fixed sizes on equal axes."""
    relations, first = Relations(), dict[object, str]()
    for each in dims.values():
        fixed = tuple(dim if isinstance(dim, int) else None for dim in each)
        if not any(dim is not None and dim > 1 for dim in fixed):
            continue
        for axis, dim in enumerate(each):
            if dim in symbols and isinstance(dim, str):
                other = first.setdefault((fixed, axis), dim)
                relations = relations.equated(Linear.of(dim), Linear.of(other)) or relations
    return relations
