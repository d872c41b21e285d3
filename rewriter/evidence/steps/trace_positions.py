"""Places steps by the order of the trace.

A step that was traced between two known steps of a module is in that module. A step that is still unplaced
is in the lowest module of the placed steps around it in the trace (`names/trace_order`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Set
from itertools import groupby

from rewriter.evidence.names.trace_order import TraceOrder
from rewriter.evidence.steps.callers import above
from rewriter.evidence.steps.step_places import StepPlaces
from rewriter.model.index.graph import GraphIndex
from rewriter.model.index.index_cache import once_per_index
from rewriter.paths import ModulePath


@once_per_index
def _order(graph: GraphIndex) -> TraceOrder:
    return TraceOrder(graph)


def moved(places: StepPlaces) -> dict[int, ModulePath]:
    """Return placed step -> the module that it is moved into."""
    return {
        step: module
        for step, module in _enclosing(places, places.known)
        if (place := places.of_step[step]) is not None and not module.holds(place)
    }


def filled(places: StepPlaces) -> dict[int, ModulePath]:
    """Return step without a module -> its module."""
    found = dict(_enclosing(places, places.fixed()))
    if _is_sorted_anew(places):
        for step in _moved_away(places, found):
            del found[step]
    return found


def _is_sorted_anew(places: StepPlaces) -> bool:
    """Whether a tool sorted the nodes: dynamo writes the nodes of an operator one behind the other.

    Constants do not count, nor do nodes that the exporter merged for several operators.
    """
    steps = places.steps
    left_out = steps.constant | {step for step in steps.heads if steps.is_shared(step)}
    computed = [node for node, step in enumerate(steps.of) if step not in left_out]
    runs = Counter(step for step, _ in groupby(steps.of[node] for node in computed))
    return any(count > 1 for count in runs.values())


def _moved_away(places: StepPlaces, found: Mapping[int, ModulePath]) -> set[int]:
    """Return the steps that no placed step feeds and whose results a step outside of the module uses.

    The tool may have moved them: a mask is made before the layers that read it.
    """
    before = places.nearest_before(places.fixed())
    away: set[int] = set()
    for step in reversed(places.steps.heads):
        if before[step] or (module := found.get(step)) is None:
            continue
        behind = places.steps.behind[step]
        users = (place for other in behind if (place := places.of_step[other]) is not None)
        if not away.isdisjoint(behind) or not all(map(module.holds, users)):
            away.add(step)
    return away


def _enclosing(places: StepPlaces, among: Set[int]) -> Iterator[tuple[int, ModulePath]]:
    """Yield steps, and the module that calls the steps of `among` around each in the trace.

    A module that may be called several times is left out: the steps may be of different calls.
    """
    around = {step: place for step in among if (place := places.of_step[step]) is not None}
    for step, module in _order(places.graph).enclosing(around).items():
        is_step = places.steps.of[step] == step and step not in places.steps.constant
        if is_step and module in places.called_once:
            yield step, _caller(places, module)


def _caller(places: StepPlaces, module: ModulePath) -> ModulePath:
    """Return a module, or the nearest one above it that is neither a leaf nor a list."""
    while module and (module not in places.compound or module in places.lists):
        module = above(module)
    return module
