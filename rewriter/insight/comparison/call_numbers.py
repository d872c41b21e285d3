"""Deviations between two models in one call of a module."""

from __future__ import annotations

from typing import NamedTuple

from rewriter.insight.comparison.execution_order import NEVER, Moment, ValueOrder
from rewriter.paths import ModulePath
from rewriter.runtime.compare.value_pairs import Compared, Pair


class CallNumbers(NamedTuple):
    """Deviations between the models in one call of a module.

    Attributes:
        path: the module, by its path in the first model.
        call: number of the call, from 0.
        outputs: deviations of its outputs.
        inputs: deviations of its inputs, without weights.
        order: the order in which the first model computes its values.
        asked: number of outputs to compare, in the first model.
    """

    path: ModulePath
    call: int
    outputs: Compared
    inputs: Compared
    order: ValueOrder
    asked: int = 0

    @property
    def unrecorded(self) -> bool:
        """Whether it has outputs, and no model gave a value of them."""
        outputs = self.outputs
        return bool(self.asked) and not (outputs.pairs or outputs.only_before or outputs.only_after)

    @property
    def has_unpaired(self) -> bool:
        """Whether an output of either model has no counterpart in the other."""
        return bool(self.outputs.only_before or self.outputs.only_after)

    def diverges(self, tolerance: float) -> bool:
        """Whether the relative deviation of an output exceeds the tolerance."""
        worst = self.outputs.worst
        return worst is not None and worst.relative > tolerance

    def is_cause(self, tolerance: float) -> bool:
        """Whether an error above the tolerance comes from the call, or from one inside it.

        Local errors decide where they are known; else, whether it takes equal inputs.
        """
        apart = [pair for pair in self.outputs.pairs if pair.relative > tolerance]
        unknown = any(pair.local is None and not pair.random for pair in apart)
        measured = any(makes_error(pair, tolerance) for pair in apart)
        return measured or (unknown and self.takes_equal(tolerance))

    def begins(self, tolerance: float) -> Moment:
        """Return the moment at which the first diverging output is written; `NEVER` if none diverges."""
        return min(self._moments(self.outputs, tolerance).values(), default=NEVER)

    def takes_equal(self, tolerance: float) -> bool:
        """Whether all comparable inputs that are computed before the first diverging output agree.

        In a body of Loop or Scan, only inputs up to that iteration count. Later inputs may depend on outputs
        of the same call, because several calls may be recorded as one, and other modules may run between the
        nodes of a call.
        """
        read = self._moments(self.inputs, tolerance)
        written = self._moments(self.outputs, tolerance)
        return not any(read[number] < written.get(number, NEVER) for number in read)

    def _moments(self, found: Compared, tolerance: float) -> dict[int, Moment]:
        """Return input set -> the moment of the first diverging value."""
        moments: dict[int, Moment] = {}
        for pair in found.pairs:
            if pair.relative > tolerance:
                for step in pair.began:
                    moment = self.order.moment(pair.before, step)
                    moments[step[0]] = min(moment, moments.get(step[0], NEVER))
        return moments

    @property
    def comparable(self) -> bool:
        """Whether any output has a counterpart."""
        return bool(self.outputs.pairs)


def makes_error(pair: Pair, tolerance: float) -> bool:
    """Whether the second model computes a value otherwise from the same operands."""
    return pair.local is not None and not pair.random and pair.local.relative > tolerance
