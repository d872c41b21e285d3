"""Finds layout steps beside the only submodule of a module: such a module exists to compute around it.

A patch embedding flattens the result of its convolution, and a pooler selects a token before its linear
layer. The module does so itself, not its caller.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rewriter.evidence.parameters.owners import owners_of_constants
from rewriter.evidence.steps.callers import above, calling
from rewriter.evidence.steps.step_places import StepPlaces
from rewriter.paths import ModulePath

_LAYOUT = frozenset({"Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze", "Cast", "Gather", "Slice"})


def wrapped(places: StepPlaces) -> dict[int, ModulePath]:
    """Return layout step in the caller of a wrapper -> the wrapper.

    Only layout steps stand between such a step and a known step of the submodule.
    """
    found: dict[int, ModulePath] = {}
    of_child = _of_children(places)
    steps = places.steps
    for order, beside in ((steps.heads, steps.before), (steps.heads[::-1], steps.behind)):
        found.update(_chained(places, order, beside, of_child))
    return found


def _chained(
    places: StepPlaces,
    order: Sequence[int],
    beside: Mapping[int, Sequence[int]],
    of_child: Mapping[ModulePath, ModulePath],
) -> dict[int, ModulePath]:
    found: dict[int, ModulePath] = {}
    for step in order:
        if step in places.known or step in places.steps.constant or len(beside[step]) != 1:
            continue
        other, place = beside[step][0], places.of_step[step]
        child = places.of_step[other] if other in places.known else None
        module = found.get(other) or (of_child.get(child) if child is not None else None)
        if module and place == calling(above(module), {module}) and _is_layout(places, step):
            found[step] = module
    return found


def _is_layout(places: StepPlaces, step: int) -> bool:
    return all(places.graph.operators[node][1] in _LAYOUT for node in places.steps.members[step])


def _of_children(places: StepPlaces) -> dict[ModulePath, ModulePath]:
    """Return only submodule of a module without tensors of its own -> that module, if it is no list."""
    children: dict[ModulePath, set[ModulePath]] = {}
    for place in places.named:
        for module in (place, *place.ancestors()) if place else ():
            if parent := module.parent:
                children.setdefault(parent, set()).add(module)
    holders = {*owners_of_constants(places.graph).values()}
    return {
        next(iter(found)): module
        for module, found in children.items()
        if len(found) == 1 and module not in places.lists and module not in holders
    }
