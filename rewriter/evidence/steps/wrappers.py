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

    Only layout steps stand between such a step and a known step of the submodule. A step that lays out the
    result of an unknown step is left out: it may be in the module of that step.
    """
    steps = places.steps
    layouts: set[int] = set()
    for step in steps.heads:
        others = steps.before[step]
        if _is_layout(places, step) and all(other in places.known or other in layouts for other in others):
            layouts.add(step)
    of_child = _of_children(places)
    behind = _chained(places, [step for step in steps.heads if step in layouts], steps.before, of_child)
    return behind | _chained(
        places, [step for step in steps.heads[::-1] if step in layouts], steps.behind, of_child
    )


def _chained(
    places: StepPlaces,
    layouts: Sequence[int],
    beside: Mapping[int, Sequence[int]],
    of_child: Mapping[ModulePath, ModulePath],
) -> dict[int, ModulePath]:
    """Return layout step -> the wrapper whose submodule it stands beside, for steps in order from there."""
    found: dict[int, ModulePath] = {}
    for step in layouts:
        if len(beside[step]) != 1:
            continue
        other = beside[step][0]
        child = places.of_step[other] if other in places.known else None
        module = found.get(other) or (of_child.get(child) if child is not None else None)
        if module and places.of_step[step] == calling(above(module), {module}):
            found[step] = module
    return found


def _is_layout(places: StepPlaces, step: int) -> bool:
    """Whether an unknown step that depends on an input only lays out a value."""
    if step in places.known or step in places.steps.constant:
        return False
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
