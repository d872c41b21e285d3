"""The same inputs through two models: how far the results of every call of every module are apart.

A call diverges where a value that it gives out is farther from its partner than the tolerance. Everything
behind a fault diverges, and so does every module around it: at fault is a call that diverges though all it
took in before agrees; of those the one that diverges first in the order of execution, and the innermost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

from rewriter.insight.kinship import kept_names
from rewriter.insight.pairing import ModulePair
from rewriter.model.graph import NONE, GraphIndex
from rewriter.modules.analysis import Analysis
from rewriter.paths import ROOT, ModulePath
from rewriter.regions.boundary import find_boundaries
from rewriter.regions.calls import find_regions
from rewriter.runtime.contrast import Compared, Pair, Port, contrast
from rewriter.runtime.feeds import Array, plan
from rewriter.runtime.protocol import Stage, one_line
from rewriter.runtime.signature import FeedError, Input, signature

SETS = 2
"""Input sets that are drawn: in the first all masks are ones, in the second they are not."""


class CallNumbers(NamedTuple):
    """One call of one module, in both models.

    Attributes:
        path: the module, by its path in the first model.
        call: which call, from 0.
        outputs: what it gives out.
        inputs: what it takes in, weights left out.
        order: value of the first model -> number of the node that makes it: the order of execution.
    """

    path: ModulePath
    call: int
    outputs: Compared
    inputs: Compared
    order: Mapping[str, int]

    def diverges(self, tolerance: float) -> bool:
        """Whether a value that it gives out is farther off than that, relative to its size."""
        worst = self.outputs.worst
        return worst is not None and worst.relative > tolerance

    def begins(self, tolerance: float) -> float:
        """The node that makes the first value given out that is farther off than that; infinite for none."""
        off = (self.order[pair.before] for pair in self.outputs.pairs if pair.relative > tolerance)
        return min(off, default=inf)

    def takes_equal(self, tolerance: float) -> bool:
        """Whether all that it takes in before it begins to diverge agrees, as far as it could be compared.

        What comes later may depend on what the call itself gave out: calls of one module are not always told
        apart, and some are left and entered again.
        """
        begins = self.begins(tolerance)
        return not any(
            pair.relative > tolerance and self.order[pair.before] < begins for pair in self.inputs.pairs
        )

    @property
    def comparable(self) -> bool:
        """Whether any value that it gives out has a partner."""
        return bool(self.outputs.pairs)


class Divergence(NamedTuple):
    """Where the models part.

    Attributes:
        path: the module, by its path in the first model.
        call: which call of it, from 0.
        worst: the value that is farthest off.
        own: whether all that the call takes in agrees, so that the cause lies in it.
    """

    path: ModulePath
    call: int
    worst: Pair
    own: bool


@dataclass(frozen=True, slots=True)
class Numbers:
    """All calls that both models have, callers before the calls they make.

    Attributes:
        runs: number of input sets.
        calls: the calls.
        skipped: why there are none.
    """

    runs: int
    calls: tuple[CallNumbers, ...]
    skipped: str | None = None

    def first(self, tolerance: float) -> Divergence | None:
        """The call where the models part: the first that diverges by itself, else the first at all."""
        apart = sorted(
            (each for each in self.calls if each.diverges(tolerance)),
            key=lambda each: (each.begins(tolerance), not each.path, -each.path.depth),
        )
        own = [each for each in apart if each.takes_equal(tolerance)]
        for found in (*own[:1], *apart[:1]):
            worst = found.outputs.worst
            assert worst is not None  # else it does not diverge
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
    """Run both models in a child process and compare what goes in and out of every call.

    Args:
        before: the first model.
        after: the second.
        pairs: which module is which.
        inputs: input of the first model -> array; drawn where None.
        tolerance: how far values may be apart, relative to their size.
        timeout: seconds for everything.

    Returns:
        The numbers; `skipped` tells why there are none. Whatever a model does is a result.
    """
    try:
        left, right = signature(before.model), signature(after.model)
        renamed = _renamed(left, right)
        drawn_for = _narrower(left, right, renamed) if inputs is None else Stage.ORIGINAL
        drawing = plan((before if drawn_for is Stage.ORIGINAL else after).model)
    except FeedError as error:
        return Numbers(0, (), one_line(f"no inputs for both: {error}"))
    calls = _calls(before, after, pairs)
    ports = [port for _, _, *both in calls for port in both]
    swapped = drawn_for is Stage.REWRITTEN
    sides = (after, before) if swapped else (before, after)
    found = contrast(
        dict(zip(Stage, (each.model for each in sides), strict=True)),
        dict(zip(Stage, (each.path.parent if each.path else None for each in sides), strict=True)),
        [_turned(port) for port in ports] if swapped else ports,
        plan=drawing,
        renamed={new: old for old, new in renamed.items()} if swapped else renamed,
        given=inputs,
        sets=SETS,
        tolerance=tolerance,
        timeout=timeout,
    )
    if found.skipped is not None:
        return Numbers(0, (), found.skipped)
    results = [_turned_back(each) for each in found.ports] if swapped else list(found.ports)
    graph = before.graph
    order = {
        name: graph.producer[value] for name, value in graph.bodies[0].values.items() if isinstance(name, str)
    }
    numbers = [
        CallNumbers(path, call, results[2 * at], results[2 * at + 1], order)
        for at, (path, call, _, _) in enumerate(calls)
    ]
    return Numbers(found.runs, tuple(numbers))


def _calls(
    before: Analysis, after: Analysis, pairs: Sequence[ModulePair]
) -> list[tuple[ModulePath, int, Port, Port]]:
    """Path, call, values given out, values taken in, of every call that both models have."""
    partner = {pair.before: pair.after for pair in pairs if pair.before is not None}
    ours, theirs = _sides(before), _sides(after)
    kept = kept_names(before, after)
    found = []
    for path, calls in ours.items():
        other = partner.get(path)
        matches = theirs.get(other, []) if other is not None else []
        for number, (call, there) in enumerate(_matched(calls, matches, named=bool(kept))):
            outputs = _port(call.outputs, there.outputs, kept)
            found.append((path, number, outputs, _port(call.inputs, there.inputs, kept)))
    return found


def _matched(
    calls: Sequence[_Ends], matches: Sequence[_Ends], *, named: bool
) -> Sequence[tuple[_Ends, _Ends]]:
    """The calls of a module in pairs; all as one where they were not told apart in one of the models."""
    if named:  # each finds its values by itself
        nothing = [_Ends((), ())] * len(calls)
        return list(zip(calls, (*matches, *nothing), strict=False))
    if matches and len(calls) != len(matches):
        return [(_joined(calls), _joined(matches))]
    return list(zip(calls, matches, strict=False))


def _port(before: tuple[str, ...], after: tuple[str, ...], kept: Set[str]) -> Port:
    """The values of one side of a call; those that kept their names go with themselves."""
    if not kept:
        return Port(before, after)
    named = tuple(name for name in before if name in kept)
    return Port(before, tuple(dict.fromkeys((*named, *after))), by_name=True)


class _Ends(NamedTuple):
    """The values that a call gives out and takes in."""

    outputs: tuple[str, ...]
    inputs: tuple[str, ...]


def _joined(calls: Sequence[_Ends]) -> _Ends:
    """Several calls as one."""
    return _Ends(
        tuple(dict.fromkeys(name for call in calls for name in call.outputs)),
        tuple(dict.fromkeys(name for call in calls for name in call.inputs)),
    )


def _sides(analysis: Analysis) -> dict[ModulePath, list[_Ends]]:
    """Module -> its calls in order; of the whole model the results."""
    graph = analysis.graph
    regions = find_regions(graph, analysis.tree)
    boundaries = find_boundaries(graph, regions)
    results = tuple(value for value in graph.bodies[0].results if value != NONE)
    found = {ROOT: [_Ends(_names(graph, results), ())]}
    numbered = sorted(range(1, len(regions.regions)), key=lambda each: regions.regions[each].call)
    for each in numbered:
        ends = _Ends(_names(graph, boundaries[each].outputs), _names(graph, boundaries[each].inputs))
        found.setdefault(regions.regions[each].module, []).append(ends)
    return {module.path: found[module.path] for module in analysis.tree if module.path in found}


def _names(graph: GraphIndex, values: Sequence[int]) -> tuple[str, ...]:
    """The values that nodes compute: inputs of the model are equal, constants are told otherwise."""
    names = []
    for value in values:
        maker, name = graph.producer[value], graph.value_names[value]
        if maker != NONE and graph.nodes[maker].op_type != "Constant" and isinstance(name, str):
            names.append(name)
    return tuple(names)


def _renamed(left: Sequence[Input], right: Sequence[Input]) -> dict[str, str]:
    """Input of the first model -> input of the second: by name, else by position.

    Raises:
        FeedError: the second model has inputs that the first has nothing for.
    """
    ours, theirs = [each.name for each in left], [each.name for each in right]
    if set(theirs) <= set(ours):
        return {name: name for name in theirs}
    if set(ours) <= set(theirs) or len(ours) != len(theirs):
        missing = next(name for name in theirs if name not in ours)
        raise FeedError(f"the second model also wants {missing!r}")
    for one, other in zip(left, right, strict=True):
        if one.dims is not None and other.dims is not None and len(one.dims) != len(other.dims):
            raise FeedError(f"inputs {one.name!r} and {other.name!r} have different ranks")
    return dict(zip(ours, theirs, strict=True))


def _narrower(left: Sequence[Input], right: Sequence[Input], renamed: Mapping[str, str]) -> Stage:
    """The model that allows fewer sizes, where it has inputs for the other: what suits it suits both."""

    def fixed(inputs: Sequence[Input]) -> int:
        return sum(isinstance(dim, int) for each in inputs for dim in each.dims or ())

    whole = len(renamed) == len(left)
    return Stage.REWRITTEN if whole and fixed(right) > fixed(left) else Stage.ORIGINAL


def _turned(port: Port) -> Port:
    return Port(port.after, port.before, port.by_name)


def _turned_back(found: Compared) -> Compared:
    pairs = tuple(pair._replace(before=pair.after, after=pair.before) for pair in found.pairs)
    return Compared(pairs, found.only_after, found.only_before)
