"""Runs two models on the same inputs and compares the inputs and outputs of the calls of their modules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from rewriter.insight.comparison.call_numbers import CallNumbers
from rewriter.insight.comparison.call_values import calls_of_both
from rewriter.insight.comparison.divergence import Numbers, Writer
from rewriter.insight.comparison.execution_order import ExecutionOrder
from rewriter.insight.comparison.module_pairs import ModulePair
from rewriter.model.index.graph import NONE
from rewriter.model.interface_match import counterparts
from rewriter.modules.analysis import Analysis
from rewriter.runtime.child.error_text import one_line
from rewriter.runtime.compare.outcome import Stage
from rewriter.runtime.compare.value_pairs import Pair, PortRequest
from rewriter.runtime.compare.values import compare_values
from rewriter.runtime.inputs.feeds import Array, Drawing
from rewriter.runtime.inputs.input import FeedError, Input
from rewriter.runtime.inputs.planning import plan
from rewriter.runtime.inputs.signature import signature

SETS = 2
"""Number of drawn input sets, without extra ones for Loops: masks are all ones in the first, padded later."""


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
    ports = tuple(port for _, _, *both in calls for port in both)
    names = {new: old for old, new in renamed.items()} if drawn_for is Stage.SECOND else renamed
    sides = (before, after)
    found = compare_values(
        dict(zip(Stage, (each.model for each in sides), strict=True)),
        dict(zip(Stage, (each.path.parent if each.path else None for each in sides), strict=True)),
        PortRequest(Drawing(drawing, SETS, given=inputs), drawn_for, ports, names, tolerance),
        timeout=timeout,
    )
    if found.skipped is not None:
        return Numbers(0, (), found.skipped)
    order = ExecutionOrder(before.graph)
    numbers = tuple(
        CallNumbers(path, call, found.ports[2 * at], found.ports[2 * at + 1], order, len(outputs.before))
        for at, (path, call, outputs, _) in enumerate(calls)
    )
    return Numbers(
        found.runs,
        numbers,
        writers=_writers(before, order, numbers),
        unmeasured=found.unmeasured,
        drawn=_drawn(before, order, numbers),
    )


def _writers(analysis: Analysis, order: ExecutionOrder, calls: Iterable[CallNumbers]) -> dict[str, Writer]:
    """Return value of a call -> the call whose own node computes it; values of no module are left out."""
    graph, tree = analysis.graph, analysis.tree
    found: dict[str, Writer] = {}
    for pair, value in _values(order, calls):
        node = graph.producer[value]
        placement = tree.placements[node] if node != NONE else None
        if placement is not None:
            found[pair.before] = Writer(*(placement.home or (placement.module, placement.call)))
    return found


def _drawn(analysis: Analysis, order: ExecutionOrder, calls: Sequence[CallNumbers]) -> frozenset[str]:
    """Return the values of calls that depend on random numbers that both models draw."""
    graph = analysis.graph
    waiting = [value for pair, value in _values(order, calls) if pair.random]
    seen = set(waiting)
    while waiting:
        for node in graph.readers[waiting.pop()]:
            new = {value for value in graph.writes[node] if value != NONE} - seen
            seen |= new
            waiting.extend(new)
    return frozenset(pair.before for pair, value in _values(order, calls) if value in seen)


def _values(order: ExecutionOrder, calls: Iterable[CallNumbers]) -> Iterator[tuple[Pair, int]]:
    """Yield the pairs of calls, with the number of the value in the first model."""
    for call in calls:
        for pair in (*call.outputs.pairs, *call.inputs.pairs):
            yield pair, order.values[pair.before]


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
