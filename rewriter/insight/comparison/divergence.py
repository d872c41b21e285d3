"""Finds the call where two models first differ, from the deviations of the inputs and outputs of calls.

A call diverges if one of its outputs differs from its counterpart by more than the tolerance. After a fault
in one call, calls that depend on it and calls of enclosing modules may diverge too. The cause is therefore
the first value, in execution order, with a local error above the tolerance: the second model computes it
otherwise from the same operands (see `runtime.local_errors`). It lies in the innermost call that writes the
value.

Where local errors cannot be measured, as in graph bodies, a diverging call counts as the cause if its
inputs before its first diverging output agree. Such a call may also enlarge small errors of its inputs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import NamedTuple

from rewriter.insight.comparison.call_numbers import CallNumbers, makes_error
from rewriter.insight.comparison.execution_order import Moment
from rewriter.paths import ROOT, ModulePath
from rewriter.runtime.compare.value_pairs import Pair

Rank = tuple[Moment, bool, int]
"""Order of possible causes: by moment, the root last, and the innermost module first."""


class Divergence(NamedTuple):
    """Call where the models first differ.

    Attributes:
        path: the module, by its path in the first model.
        call: number of the call, from 0.
        worst: the value with the local error, if one is above the tolerance; else the output with the
            largest deviation.
        own: whether the cause lies in the call: it has a local error above the tolerance or, where local
            errors are not known, its inputs before its first diverging output agree.
        measured: whether the local error of `worst` is known.
    """

    path: ModulePath
    call: int
    worst: Pair
    own: bool
    measured: bool

    @property
    def figures(self) -> tuple[float, float]:
        """The absolute and relative error: the local one if it is the cause, else the whole deviation."""
        local = self.worst.local if self.own else None
        found = self.worst if local is None else local
        return found.max_abs, found.relative


class Writer(NamedTuple):
    """Call of a module."""

    path: ModulePath
    call: int


@dataclass(frozen=True, slots=True)
class Numbers:
    """Deviations of the calls of modules.

    Attributes:
        runs: number of input sets.
        calls: the calls of `calls_of_both`, enclosing modules before their submodules.
        skipped: the reason why there are no calls; None if the models ran.
        writers: value of the first model -> the call whose own node computes it; values of no module are
            left out.
        unmeasured: the reason why some local errors are not known; None if no run failed.
        drawn: values of the first model that depend on random numbers that both models draw.
    """

    runs: int
    calls: tuple[CallNumbers, ...]
    skipped: str | None = None
    writers: Mapping[str, Writer] = field(default_factory=dict)
    unmeasured: str | None = None
    drawn: frozenset[str] = frozenset()

    def first(self, tolerance: float) -> Divergence | None:
        """Return the first cause of a divergence; without one, the first diverging call.

        Return None if no call diverges, or if random numbers explain all that do.
        """
        apart = [each for each in self.calls if each.diverges(tolerance)]
        if len(self.random_calls(tolerance)) == len(apart):
            return None
        found = [*self._errors(tolerance), *self._unmeasured_causes(apart, tolerance)]
        if not found:
            found = [(_rank(each, each.begins(tolerance)), _divergence(each, own=False)) for each in apart]
        return min(found, key=itemgetter(0))[1]

    def random_calls(self, tolerance: float) -> list[CallNumbers]:
        """Return the diverging calls that random numbers explain.

        Their diverging outputs depend on numbers that both models draw, and have no local error above the
        tolerance; nor have those of any other call.
        """
        if not self.drawn or any(self._errors(tolerance)):
            return []
        return [call for call in self.calls if call.diverges(tolerance) and self._is_random(call, tolerance)]

    def _is_random(self, call: CallNumbers, tolerance: float) -> bool:
        apart = [pair for pair in call.outputs.pairs if pair.relative > tolerance]
        return all(pair.before in self.drawn and (pair.random or pair.local) for pair in apart)

    def largest_local(self) -> Divergence | None:
        """Return the value with the largest local error, and its call; None if no local error is known."""
        found = [each for _, each in self._errors(-1.0)]
        return max(found, key=lambda each: each.worst.local or (), default=None)

    def _errors(self, tolerance: float) -> Iterator[tuple[Rank, Divergence]]:
        """Yield the values with a local error above a tolerance."""
        seen: set[str] = set()
        for call in self.calls:
            for pair in (*call.outputs.pairs, *call.inputs.pairs):
                if makes_error(pair, tolerance) and pair.before not in seen:
                    seen.add(pair.before)
                    place = self.writers.get(pair.before, Writer(ROOT, 0))
                    rank = (call.order.moment(pair.before, (0,)), not place.path, -place.path.depth)
                    yield rank, Divergence(*place, pair, own=True, measured=True)

    def _unmeasured_causes(
        self, apart: Sequence[CallNumbers], tolerance: float
    ) -> Iterator[tuple[Rank, Divergence]]:
        """Yield the diverging calls with equal inputs, and an output with an unknown local error."""
        for call in apart:
            worst = call.outputs.worst
            unknown = any(p.local is None for p in call.outputs.pairs if p.relative > tolerance)
            if worst is not None and unknown and call.takes_equal(tolerance):
                yield _rank(call, call.begins(tolerance)), _divergence(call, own=True)


def _rank(call: CallNumbers, moment: Moment) -> Rank:
    return moment, not call.path, -call.path.depth


def _divergence(call: CallNumbers, *, own: bool) -> Divergence:
    worst = call.outputs.worst
    assert worst is not None  # the call diverges, so it has a compared output
    return Divergence(call.path, call.call, worst, own, measured=worst.local is not None)
