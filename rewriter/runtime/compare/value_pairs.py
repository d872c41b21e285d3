"""Matches values of one model with values of another, by name, shape and distance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, prod
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from rewriter.runtime.compare.outcome import Stage
from rewriter.runtime.compare.tolerance import Array, Distance, distance
from rewriter.runtime.inputs.feeds import Drawing
from rewriter.runtime.recording.steps import Step

Values = Mapping[str, Sequence[Array]]
"""Name -> one array per input set; for a value of a graph body, one per step."""

Steps = Mapping[str, tuple[Step, ...]]
"""Name of a value of a graph body -> the steps of its arrays."""
NO_STEPS: Steps = MappingProxyType({})

_MOST_TRIED = 64
"""Square root of the maximum number of pairs of one form that are all measured.

If more pairs are possible, only values at the same position are paired.
"""


class PortNames(NamedTuple):
    """Port: one side of a call, by the names of its inputs or outputs in the main graph of either model.

    With `by_name`, values of equal names are preferred as pairs, see `compare_port`.
    """

    before: tuple[str, ...]
    after: tuple[str, ...]
    by_name: bool = False


class Pair(NamedTuple):
    """Two matched values, measured on the input set with the largest relative difference.

    Attributes:
        before: the name in the first model.
        after: the name in the second model.
        max_abs: the largest absolute difference; infinite for NaN or infinity against another value.
        relative: `max_abs` divided by the largest magnitude of the value in the first model, see `distance`.
        at: the index of the element with this difference, in the first model.
        began: for every input set in which they disagree, the first step at which they do (see `Step`).
        local: the deviation that remains if the second model computes its value from values of the first,
            see `runtime.local_errors`; None if it was not measured.
        random: whether both models draw random numbers for it, so that its local error is no fault.
    """

    before: str
    after: str
    max_abs: float
    relative: float
    at: tuple[int, ...] = ()
    began: tuple[Step, ...] = ()
    local: Distance | None = None
    random: bool = False


class Compared(NamedTuple):
    """Result of one port; values without a counterpart are listed with their shapes: `mask (1, 8)`."""

    pairs: tuple[Pair, ...]
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]

    @property
    def worst(self) -> Pair | None:
        """The pair with the largest relative difference; None if there is no pair."""
        return max(self.pairs, key=lambda pair: (pair.relative, pair.max_abs), default=None)


@dataclass(frozen=True, slots=True)
class PortRequest:
    """Request to compare values.

    Attributes:
        drawing: rules of the input sets.
        drawn_for: the model whose inputs these are.
        recorded: value of the first model -> the path of its array, if that ran before; it is not sent then,
            and the only input set is given.
        ports: the ports to compare; values are matched within a port.
        renamed: input of that model -> input of the other one.
        tolerance: maximum relative difference of values that agree, see `compare_port`.
    """

    drawing: Drawing
    drawn_for: Stage
    ports: tuple[PortNames, ...]
    renamed: Mapping[str, str]
    tolerance: float
    recorded: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class PortRuns:
    """Results of all ports, in the requested order, and the number of input sets.

    `skipped` has the reason if there are no results, `unmeasured` the reason if local errors are missing.
    """

    runs: int
    ports: tuple[Compared, ...]
    skipped: str | None = None
    unmeasured: str | None = None


def compare_port(
    port: PortNames,
    before: Values,
    after: Values,
    tolerance: float,
    steps: tuple[Steps, Steps] = (NO_STEPS, NO_STEPS),
) -> Compared:
    """Match the values of a port and measure the pairs.

    With `by_name`, values of equal names and element counts match first if they agree within the tolerance.
    If they do not, they match each other only if neither agrees with a value of another name and the same
    shape, axes of size 1 aside: a tool may have given the name to another value.

    All other values match by form, in this order: equal shapes; shapes equal except for axes of size 1; equal
    element counts. A boolean never has the form of a number. Among several values of the same form, equal
    names match if both sides have the same names and no agreement is needed; otherwise the closest values
    match or, if there are too many to measure, values at the same position.

    Matches by element count, and with `by_name` all matches of different names, need agreement within the
    tolerance: the candidates may be unrelated values of the same form.

    Args:
        port: the names; those without arrays in `before` or `after` are left out.
        before: the values of the first model.
        after: the values of the second model.
        tolerance: maximum relative difference of values that agree.
        steps: the steps of the arrays in `before` and `after`; values of different steps do not match.
    """
    ours, _ = steps
    groups: dict[tuple[Step, ...], tuple[list[str], list[str]]] = {}
    for side, (names, values) in enumerate(((port.before, before), (port.after, after))):
        for name in dict.fromkeys(names):
            if name in values:
                groups.setdefault(steps[side].get(name, ()), ([], []))[side].append(name)
    found = [_compared(*group, port.by_name, before, after, tolerance) for group in groups.values()]
    pairs = [pair for each in found for pair in each.pairs]
    return Compared(
        tuple(
            pair._replace(began=_began(pair, before, after, tolerance, ours.get(pair.before)))
            for pair in pairs
        ),
        tuple(name for each in found for name in each.only_before),
        tuple(name for each in found for name in each.only_after),
    )


def _began(
    pair: Pair, before: Values, after: Values, tolerance: float, steps: Sequence[Step] | None
) -> tuple[Step, ...]:
    """Return the first step of every input set at which two values disagree."""
    if pair.relative <= tolerance:
        return ()
    both = zip(before[pair.before], after[pair.after], strict=True)
    at = steps or [(number,) for number in range(len(before[pair.before]))]
    apart = [step for step, (x, y) in zip(at, both, strict=True) if distance(x, y)[0] > tolerance]
    firsts = {step[0]: step for step in reversed(apart)}
    return tuple(firsts[number] for number in sorted(firsts))


def _compared(
    left: list[str], right: list[str], by_name: bool, before: Values, after: Values, tolerance: float
) -> Compared:
    pairs: list[Pair] = []
    named = [
        _measured(name, name, before, after)
        for name in left
        if by_name and name in right and _sizes(before[name]) == _sizes(after[name])
    ]
    _keep([pair for pair in named if pair.relative <= tolerance], pairs, left, right)
    if len(pairs) < len(named):  # some values of equal names disagree: match values that agree first
        for form in (_shape, _squeezed):
            for names, others in _alike(left, right, before, after, form):
                _keep(_assigned(names, others, before, after, tolerance), pairs, left, right)
        _keep(named, pairs, left, right)
    for form in (_shape, _squeezed, _elements):
        closest = tolerance if form is _elements or by_name else inf
        for names, others in _alike(left, right, before, after, form):
            _keep(_assigned(names, others, before, after, closest), pairs, left, right)
    return Compared(
        tuple(pairs),
        tuple(f"{name} {before[name][0].shape}" for name in left),
        tuple(f"{name} {after[name][0].shape}" for name in right),
    )


def _keep(found: Sequence[Pair], pairs: list[Pair], left: list[str], right: list[str]) -> None:
    """Add the pairs whose values have no counterpart yet."""
    for pair in found:
        if pair.before in left and pair.after in right:
            pairs.append(pair)
            left.remove(pair.before)
            right.remove(pair.after)


def _shape(array: Array) -> tuple[int, ...]:
    return tuple(array.shape)


def _squeezed(array: Array) -> tuple[int, ...]:
    return tuple(size for size in array.shape if size != 1)


def _sizes(arrays: Sequence[Array]) -> list[tuple[int, ...]]:
    return [_elements(array) for array in arrays]


def _elements(array: Array) -> tuple[int, ...]:
    return (prod(array.shape),)


def _alike(
    left: Sequence[str], right: Sequence[str], before: Values, after: Values, form: Any
) -> list[tuple[list[str], list[str]]]:
    """Group the names of both sides by the form of their values in every input set."""
    forms: dict[object, tuple[list[str], list[str]]] = {}
    for side, (names, values) in enumerate(((left, before), (right, after))):
        for name in names:
            # The form includes whether a value is boolean: boolean and numeric masks are different values.
            key = tuple((form(array), array.dtype == np.bool_) for array in values[name])
            forms.setdefault(key, ([], []))[side].append(name)
    return [(names, others) for names, others in forms.values() if names and others]


def _measured(name: str, other: str, before: Values, after: Values) -> Pair:
    """Measure two values on the input set in which they differ most."""
    found = [(distance(x, y), x.shape) for x, y in zip(before[name], after[other], strict=True)]
    (relative, largest, at), shape = max(found)
    index = np.unravel_index(at, shape) if shape and largest else ()
    return Pair(name, other, largest, relative, tuple(map(int, index)))


def _assigned(
    names: Sequence[str], others: Sequence[str], before: Values, after: Values, closest: float
) -> list[Pair]:
    """Pair values of the same form: by name, in order, or the closest ones first."""
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
