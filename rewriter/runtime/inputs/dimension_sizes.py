"""Chooses sizes for the symbolic dimensions of a model's inputs, the most promising first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations, product
from math import prod

from rewriter.runtime.inputs.input import Dim, Input, evaluate, names_in
from rewriter.runtime.inputs.size_relations import Relations, distinct_sums

_ROWS = (
    (2, 3, 5, 7, 11, 13),
    (3, 5, 7, 11, 13, 17),
    (1, 4, 6, 8, 10, 12),
    (2, 8, 16, 32, 64, 128),
    (1, 16),
    (1, 32),
    (1, 64),
    (1, 128),
    (1, 224),
    (1, 1),
)
"""Each row has the size of the first symbol or axis, the second, and so on; the last size repeats.

Small distinct primes come first, since equal sizes hide mixed-up axes. Powers of two are for graphs that
halve their input, larger sizes for stacks of unpadded convolutions, and 1 for graphs traced with one example.
"""

_MOST_SYMBOLS_TO_ADD = 6
"""Maximum number of symbols for which sums and constants are tried."""
_RANKS = (2, 1, 3, 4, 0)


@dataclass(frozen=True, slots=True)
class Choice:
    """Shapes of all inputs.

    Attributes:
        patterns: the rules, such as "all equal", that lead to these shapes; choices with a common pattern
            differ only in sizes.
        sizes: the size of every symbol that is not computed from other symbols, by its text.
        shapes: the shape of every input, by its name.
    """

    patterns: frozenset[str]
    sizes: Mapping[str, int]
    shapes: Mapping[str, tuple[int, ...]]

    @property
    def elements(self) -> int:
        """Number of elements of all inputs."""
        return sum(map(prod, self.shapes.values()))

    def like(self, other: Choice) -> bool:
        """Whether both choices have a pattern in common."""
        return not self.patterns.isdisjoint(other.patterns)


def choices(inputs: tuple[Input, ...], constants: tuple[int, ...] = ()) -> tuple[Choice, ...]:
    """Return all choices of sizes, best first, without repeats; at least one for a model with static shapes.

    Equal symbols get equal sizes. A dimension such as `a + b` gets the sum of the sizes of `a` and `b`, if
    both are symbols of this model. Different symbols are tried with different sizes; with equal sizes on
    equal axes, since some exporters give every input its own symbols; and with all sizes equal. If there are
    few symbols, one is also tried as the sum of two others, and as one of the `constants` of the graph.
    """
    found: dict[tuple[tuple[int, ...], ...], Choice] = {}
    for rank in _RANKS if any(each.dims is None for each in inputs) else _RANKS[:1]:
        dims = {each.name: _named_dims(each, rank) for each in inputs}
        for pattern, sizes in _assignments(independent(dims), constants):
            choice = _choice(f"rank {rank}, {pattern}", sizes, dims)
            if choice is not None:
                first = found.setdefault(tuple(choice.shapes.values()), choice)
                found[tuple(choice.shapes.values())] = replace(
                    first, patterns=first.patterns | choice.patterns
                )
    return tuple(found.values())


def symbolic_dims(inputs: tuple[Input, ...]) -> dict[str, tuple[int | str, ...]]:
    """Return the dimensions of every input, by its name; an unknown one has a symbol of its own."""
    return {each.name: _named_dims(each, _RANKS[0]) for each in inputs}


def sized(dims: Mapping[str, tuple[int | str, ...]], sizes: Mapping[str, int]) -> Choice | None:
    """Return the choice at sizes of all independent symbols; None if the dimensions do not allow them."""
    return _choice("found by probes", sizes, dims)


def related(dims: Mapping[str, tuple[int | str, ...]], relations: Relations) -> Iterator[Choice]:
    """Yield the choices that satisfy some relations, best first."""
    free = [symbol for symbol in independent(dims) if symbol not in relations.defined]
    for row in (*_ROWS, tuple(distinct_sums(len(free)))):
        sizes = relations.sizes({text: _at(row, number) for number, text in enumerate(free)})
        choice = None if sizes is None else sized(dims, sizes)
        if choice is not None:
            yield choice


def with_size(inputs: tuple[Input, ...], choice: Choice, symbol: str, size: int) -> Choice | None:
    """Return a choice with another size for one symbol; None if the dimensions do not allow it."""
    dims = {each.name: _named_dims(each, len(choice.shapes[each.name])) for each in inputs}
    return _choice(f"{symbol} = {size}", {**choice.sizes, symbol: size}, dims)


def _choice(
    pattern: str, sizes: Mapping[str, int], dims: Mapping[str, tuple[int | str, ...]]
) -> Choice | None:
    shapes: dict[str, tuple[int, ...]] = {}
    for name, each in dims.items():
        shape = _shape(each, sizes)
        if shape is None:
            return None
        shapes[name] = shape
    return Choice(frozenset({pattern}), sizes, shapes)


def _named_dims(each: Input, rank: int) -> tuple[int | str, ...]:
    """Return the dimensions; a dimension without a symbol gets one that is unique to its input and axis."""
    dims: tuple[Dim, ...] = (None,) * rank if each.dims is None else each.dims
    return tuple(f"?{each.name}?{axis}" if dim is None else dim for axis, dim in enumerate(dims))


def independent(dims: Mapping[str, tuple[int | str, ...]]) -> dict[str, int]:
    """Return the symbols in order of appearance, each with the first axis that has it.

    Symbols that are computed from others are left out.
    """
    texts: dict[str, int] = {}
    for each in dims.values():
        for axis, dim in enumerate(each):
            if isinstance(dim, str):
                texts.setdefault(dim, axis)
    return {text: axis for text, axis in texts.items() if not _derived(text, texts)}


def _derived(text: str, texts: Mapping[str, int]) -> bool:
    names = names_in(text)
    return bool(names) and all(name in texts for name in names)


def _assignments(
    symbols: Mapping[str, int], constants: tuple[int, ...]
) -> Iterator[tuple[str, dict[str, int]]]:
    for row in _ROWS:
        yield "by name", {text: _at(row, number) for number, text in enumerate(symbols)}
        yield "by axis", {text: _at(row, axis) for text, axis in symbols.items()}
        yield "all equal", dict.fromkeys(symbols, row[1])
    if len(symbols) <= _MOST_SYMBOLS_TO_ADD:
        yield from _sums(symbols)
        for fixed, size in product(symbols, constants):
            for row in _ROWS[:3]:
                by_name = {text: _at(row, number) for number, text in enumerate(symbols)}
                yield f"{fixed} = {size}", {**by_name, fixed: size}


def _sums(symbols: Mapping[str, int]) -> Iterator[tuple[str, dict[str, int]]]:
    for row in _ROWS[:3]:
        sizes = {text: _at(row, number) for number, text in enumerate(symbols)}
        for left, right in combinations(symbols, 2):
            for total in symbols:
                if total not in (left, right):
                    pattern = f"{total} = {left} + {right}"
                    yield pattern, {**sizes, total: sizes[left] + sizes[right]}


def _at(row: tuple[int, ...], number: int) -> int:
    return row[min(number, len(row) - 1)]


def _shape(dims: tuple[int | str, ...], sizes: Mapping[str, int]) -> tuple[int, ...] | None:
    """Return the sizes of all axes; None if an expression is negative or cannot be evaluated."""
    shape: list[int] = []
    for dim in dims:
        size = dim if isinstance(dim, int) else evaluate(dim, sizes)
        if size is None or size < 0:
            return None
        shape.append(size)
    return tuple(shape)
