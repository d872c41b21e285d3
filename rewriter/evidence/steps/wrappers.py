"""Finds layout steps beside the only submodule of a module: such a module exists to compute around it.

A patch embedding flattens the result of its convolution, and a pooler selects a token before its linear
layer. The module does so itself, not its caller.
"""

from __future__ import annotations

from rewriter.evidence.parameters.owners import owners_of_constants
from rewriter.evidence.steps.callers import above, calling
from rewriter.evidence.steps.step_places import StepPlaces
from rewriter.paths import ModulePath

_LAYOUT = frozenset({"Reshape", "Transpose", "Flatten", "Squeeze", "Unsqueeze", "Cast", "Gather", "Slice"})
_MOST = 2


def wrapped(places: StepPlaces) -> dict[int, ModulePath]:
    """Return layout step in the caller of a wrapper -> the wrapper.

    These are the layout steps between a known step of the submodule and the next known step before or behind
    it, at most `_MOST`: a caller that rearranges a value takes more steps. A step that lays out the result of
    an unknown step is left out: it may be in the module of that step.
    """
    of_child = _of_children(places)
    found: dict[int, ModulePath] = {}
    for step in places.known:
        child = places.of_step[step]
        module = of_child.get(child) if child is not None else None
        if module is None:
            continue
        for forward in (True, False):
            chain = _chain(places, step, forward=forward)
            caller = calling(above(module), {module})
            if all(places.of_step[each] == caller for each in chain):
                found.update(dict.fromkeys(chain, module))
    return found


def _chain(places: StepPlaces, step: int, *, forward: bool) -> list[int]:
    """Return the layout steps behind a step, or before it; [] if there are too many.

    Before the step, [] too unless a known step or an input of the graph is before them.
    """
    beside, back = places.steps.behind, places.steps.before
    if not forward:
        beside, back = back, beside
    chain: list[int] = []
    others = beside[step]
    while len(others) == 1 and _is_layout(places, others[0]) and len(back[others[0]]) == 1:
        chain.append(others[0])
        others = beside[others[0]]
    complete = forward or all(other in places.known for other in others)
    return chain if complete and len(chain) <= _MOST else []


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
