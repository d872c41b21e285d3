"""Which values of one model are which of another, told by name, shape and distance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, prod
from typing import Any, NamedTuple

import numpy as np

from rewriter.runtime.compare.difference import Array, distance
from rewriter.runtime.inputs.feeds import Drawing

Values = Mapping[str, Sequence[Array]]
"""Name -> one array per input set."""

_MOST_TRIED = 64
"""Values of one shape at one port that are matched by distance; more are matched in order."""


class PortNames(NamedTuple):
    """One side of a call: the names of its inputs, or of its outputs, in the main graph of either model.

    `by_name` says that equal names mean equal values, whatever other values exist.
    """

    before: tuple[str, ...]
    after: tuple[str, ...]
    by_name: bool = False


class Pair(NamedTuple):
    """Two matched values.

    Attributes:
        before: the name in the one model.
        after: the name in the other.
        max_abs: the largest absolute difference over all input sets; infinite for NaN against a
            number.
        relative: that over the largest magnitude in either, or over 1e-3 if the magnitude is less.
    """

    before: str
    after: str
    max_abs: float
    relative: float


class Compared(NamedTuple):
    """The result of one port; values without a counterpart are listed with their shapes: `mask (1, 8)`."""

    pairs: tuple[Pair, ...]
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]

    @property
    def worst(self) -> Pair | None:
        """The pair that differs most, relative to its size; None if nothing could be compared."""
        return max(self.pairs, key=lambda pair: (pair.relative, pair.max_abs), default=None)


@dataclass(frozen=True, slots=True)
class PortRequest:
    """What to compare.

    Attributes:
        drawing: how input sets for the original come about.
        ports: which values belong together; those of one port are matched by name, shape and distance.
        renamed: input of the original -> input of the other model.
        tolerance: up to where values of another shape with as many elements count as the same, reshaped.
    """

    drawing: Drawing
    ports: tuple[PortNames, ...]
    renamed: Mapping[str, str]
    tolerance: float


@dataclass(frozen=True, slots=True)
class PortRuns:
    """All ports, in the requested order; `skipped` has the reason if there are none."""

    runs: int
    ports: tuple[Compared, ...]
    skipped: str | None = None


def compare_port(port: PortNames, before: Values, after: Values, tolerance: float) -> Compared:
    """Match the values of a port and measure the pairs.

    Booleans and numbers never match. Matches are made in this order: equal names, if the port uses them and
    the values agree; equal shapes; shapes equal except for axes of size 1; equal element counts, if so close
    that it is the other reshaped. Of several of one shape, equal names match if all names are equal, else
    the closest ones. If the port uses names, unmatched names count only if values agree: one may be
    another value, from inside a fused node.

    Args:
        port: the names.
        before: the values of the one model.
        after: the values of the other.
        tolerance: maximum relative deviation for a reshaped value to match.
    """
    left = [name for name in dict.fromkeys(port.before) if name in before]
    right = [name for name in dict.fromkeys(port.after) if name in after]
    pairs: list[Pair] = []
    named = [
        _measured(name, name, before, after)
        for name in left
        if port.by_name and name in right and _elements(before[name][0]) == _elements(after[name][0])
    ]
    _keep([pair for pair in named if pair.relative <= tolerance], pairs, left, right)
    if len(pairs) < len(named):  # a reassigned name may belong to another value
        for form in (_shape, _squeezed):
            for names, others in _alike(left, right, before, after, form):
                _keep(_assigned(names, others, before, after, tolerance), pairs, left, right)
        _keep(named, pairs, left, right)
    for form in (_shape, _squeezed, _elements):
        closest = tolerance if form is _elements or port.by_name else inf
        for names, others in _alike(left, right, before, after, form):
            _keep(_assigned(names, others, before, after, closest), pairs, left, right)
    return Compared(
        tuple(pairs),
        tuple(f"{name} {before[name][0].shape}" for name in left),
        tuple(f"{name} {after[name][0].shape}" for name in right),
    )


def _keep(found: Sequence[Pair], pairs: list[Pair], left: list[str], right: list[str]) -> None:
    """Add pairs of values without a counterpart so far."""
    for pair in found:
        if pair.before in left and pair.after in right:
            pairs.append(pair)
            left.remove(pair.before)
            right.remove(pair.after)


def _shape(array: Array) -> tuple[int, ...]:
    return tuple(array.shape)


def _squeezed(array: Array) -> tuple[int, ...]:
    return tuple(size for size in array.shape if size != 1)


def _elements(array: Array) -> tuple[int, ...]:
    return (prod(array.shape),)


def _alike(
    left: Sequence[str], right: Sequence[str], before: Values, after: Values, form: Any
) -> list[tuple[list[str], list[str]]]:
    """The names on both sides whose values have the same form in every input set."""
    forms: dict[object, tuple[list[str], list[str]]] = {}
    for side, (names, values) in enumerate(((left, before), (right, after))):
        for name in names:
            # booleans are no numbers: a mask of one kind is not a mask of the other
            key = tuple((form(array), array.dtype == np.bool_) for array in values[name])
            forms.setdefault(key, ([], []))[side].append(name)
    return [(names, others) for names, others in forms.values() if names and others]


def _measured(name: str, other: str, before: Values, after: Values) -> Pair:
    """The two values at the input set where they differ most."""
    found = [distance(x, y) for x, y in zip(before[name], after[other], strict=True)]
    relative, largest = max(found)
    return Pair(name, other, largest, relative)


def _assigned(
    names: Sequence[str], others: Sequence[str], before: Values, after: Values, closest: float
) -> list[Pair]:
    """Pairs of values of the same form, the closest first."""
    if set(names) == set(others) and closest == inf:
        tried = [_measured(name, name, before, after) for name in names]
    elif len(names) * len(others) > _MOST_TRIED**2:
        tried = [_measured(name, other, before, after) for name, other in zip(names, others, strict=False)]
    else:
        tried = [_measured(name, other, before, after) for name in names for other in others]
        tried.sort(key=lambda pair: pair.relative)  # stable: the order of the ports decides ties
    chosen: list[Pair] = []
    for pair in tried:
        free = all(pair.before != each.before and pair.after != each.after for each in chosen)
        if free and pair.relative <= closest:
            chosen.append(pair)
    return chosen
