"""Runs two models on the same inputs and measures the deviations of the inputs and outputs of module calls.

A call diverges if one of its outputs differs from its counterpart by more than the tolerance. After a fault
in one call, calls that depend on it and calls of enclosing modules may diverge too. The cause is therefore a
diverging call whose inputs before its first diverging output agree. Of several such calls, the cause is the
first in execution order; of nested calls, the innermost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rewriter.insight.comparison.call_values import calls_of_both
from rewriter.insight.comparison.execution_order import NEVER, ExecutionOrder, Moment
from rewriter.insight.comparison.module_pairs import ModulePair
from rewriter.model.interface_match import counterparts
from rewriter.modules.analysis import Analysis
from rewriter.paths import ModulePath
from rewriter.runtime.child.error_text import one_line
from rewriter.runtime.compare.outcome import Stage
from rewriter.runtime.compare.value_pairs import Compared, Pair, PortNames, PortRequest
from rewriter.runtime.compare.values import compare_values
from rewriter.runtime.inputs.feeds import Array, Drawing
from rewriter.runtime.inputs.input import FeedError, Input
from rewriter.runtime.inputs.planning import plan
from rewriter.runtime.inputs.signature import signature

SETS = 2
"""Number of drawn input sets, without extra ones for Loops: masks are all ones in the first, padded later."""


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
    order: ExecutionOrder
    asked: int = 0

    @property
    def unrecorded(self) -> bool:
        """Whether it has outputs, and no model gave a value of them."""
        outputs = self.outputs
        return bool(self.asked) and not (outputs.pairs or outputs.only_before or outputs.only_after)

    def diverges(self, tolerance: float) -> bool:
        """Whether the relative deviation of an output exceeds the tolerance."""
        worst = self.outputs.worst
        return worst is not None and worst.relative > tolerance

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


class Divergence(NamedTuple):
    """Call where the models first differ.

    Attributes:
        path: the module, by its path in the first model.
        call: number of the call, from 0.
        worst: the output with the largest deviation.
        own: whether the call's inputs before its first diverging output agree, so that the cause lies in the
            call.
    """

    path: ModulePath
    call: int
    worst: Pair
    own: bool


@dataclass(frozen=True, slots=True)
class Numbers:
    """Deviations of the calls of modules.

    Attributes:
        runs: number of input sets.
        calls: the calls of `calls_of_both`, enclosing modules before their submodules.
        skipped: the reason why there are no calls; None if the models ran.
    """

    runs: int
    calls: tuple[CallNumbers, ...]
    skipped: str | None = None

    def first(self, tolerance: float) -> Divergence | None:
        """Return the first diverging call whose inputs agree, else the first diverging call, else None."""
        apart = sorted(
            (each for each in self.calls if each.diverges(tolerance)),
            key=lambda each: (each.begins(tolerance), not each.path, -each.path.depth),
        )
        own = [each for each in apart if each.takes_equal(tolerance)]
        for found in (*own[:1], *apart[:1]):
            worst = found.outputs.worst
            assert worst is not None  # the call diverges, so it has a compared output
            return Divergence(found.path, found.call, worst, bool(own))
        return None


def compare_calls(
    before: Analysis,
    after: Analysis,
    pairs: Sequence[ModulePair],
    *,
    inputs: Mapping[str, Array] | None,
    tolerance: float,
    timeout: float,
) -> Numbers:
    """Run both models in a child process and compare the inputs and outputs of the calls of modules.

    Args:
        before: the first model.
        after: the second.
        pairs: the matched modules.
        inputs: input of the first model -> array; drawn at random if None.
        tolerance: the largest relative deviation of values that count as equal.
        timeout: seconds for the whole comparison.

    Returns:
        The deviations. If a model cannot be fed or fails, `skipped` has the reason.
    """
    try:
        left, right = signature(before.model), signature(after.model)
        renamed = _renamed(left, right)
        drawn_for = _narrower(left, right, renamed) if inputs is None else Stage.FIRST
        drawing = plan((before if drawn_for is Stage.FIRST else after).model)
    except FeedError as error:
        return Numbers(0, (), one_line(f"no inputs for both: {error}"))
    calls = calls_of_both(before, after, pairs)
    ports = [port for _, _, *both in calls for port in both]
    swapped = drawn_for is Stage.SECOND
    sides = (after, before) if swapped else (before, after)
    turned = tuple(_turned(port) for port in ports) if swapped else tuple(ports)
    names = {new: old for old, new in renamed.items()} if swapped else renamed
    found = compare_values(
        dict(zip(Stage, (each.model for each in sides), strict=True)),
        dict(zip(Stage, (each.path.parent if each.path else None for each in sides), strict=True)),
        PortRequest(Drawing(drawing, SETS, given=inputs), turned, names, tolerance),
        timeout=timeout,
    )
    if found.skipped is not None:
        return Numbers(0, (), found.skipped)
    results = [_turned_back(each) for each in found.ports] if swapped else list(found.ports)
    order = ExecutionOrder(before.graph)
    numbers = [
        CallNumbers(path, call, results[2 * at], results[2 * at + 1], order, len(outputs.before))
        for at, (path, call, outputs, _) in enumerate(calls)
    ]
    return Numbers(found.runs, tuple(numbers))


def _renamed(left: Sequence[Input], right: Sequence[Input]) -> dict[str, str]:
    """Return input of the first model -> input of the second, matched by name, the others in order.

    Raises:
        FeedError: an input of the second model has no counterpart, or two matched inputs differ in
            rank.
    """
    ours, theirs = [each.name for each in left], [each.name for each in right]
    if set(theirs) <= set(ours):
        return {name: name for name in theirs}
    if set(ours) <= set(theirs) or len(ours) != len(theirs):
        missing = next(name for name in theirs if name not in ours)
        raise FeedError(f"the second model also wants {missing!r}")
    for one, at in zip(left, counterparts(ours, theirs), strict=True):
        other = right[at]
        if one.dims is not None and other.dims is not None and len(one.dims) != len(other.dims):
            raise FeedError(f"inputs {one.name!r} and {other.name!r} have different ranks")
    return {name: theirs[at] for name, at in zip(ours, counterparts(ours, theirs), strict=True)}


def _narrower(left: Sequence[Input], right: Sequence[Input], renamed: Mapping[str, str]) -> Stage:
    """Return the model to draw inputs for: that with more fixed dimensions, since its sizes fit both.

    The second model is chosen only if every input of the first has a counterpart.
    """

    def fixed(inputs: Sequence[Input]) -> int:
        return sum(isinstance(dim, int) for each in inputs for dim in each.dims or ())

    whole = len(renamed) == len(left)
    return Stage.SECOND if whole and fixed(right) > fixed(left) else Stage.FIRST


def _turned(port: PortNames) -> PortNames:
    return PortNames(port.after, port.before, port.by_name)


def _turned_back(found: Compared) -> Compared:
    pairs = tuple(pair._replace(before=pair.after, after=pair.before) for pair in found.pairs)
    return Compared(pairs, found.only_after, found.only_before)
