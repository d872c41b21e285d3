"""Places steps by the order of the trace.

A step that was traced between two known steps of a module is in that module. A step that is still unplaced
is in the lowest module of the placed steps around it in the trace (`names/trace_order`).
"""

from __future__ import annotations

from collections.abc import Iterator, Set

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
    return dict(_enclosing(places, places.fixed()))


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
