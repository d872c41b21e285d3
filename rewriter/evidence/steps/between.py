"""Places steps between known steps and anchors, and those behind the last of them.

A step belongs to the deepest common module of one such step before and one behind it. If that is a leaf, the
step belongs to its parent, since a leaf is called as a whole. But a step that is already inside of the module
behind it (`_entered`) belongs to that module.

A step that feeds no known step or anchor belongs to the common module of the steps before it, or to the
parent of that module if it is a leaf. The step stays unplaced if it computes with a weight without a name, or
if such a step of this kind stands before or behind it (steps of this kind in between count as well). Any
other step that no known step or anchor feeds stays unplaced: it may be in a module that the file does not
name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

from rewriter.evidence.steps.callers import above, calling
from rewriter.evidence.steps.entered_modules import Entries
from rewriter.evidence.steps.step_places import StepPlaces
from rewriter.paths import ModulePath, common_ancestor


def filled(places: StepPlaces) -> dict[int, ModulePath | None]:
    """Return step -> its module, for steps without one."""
    fixed = places.fixed()
    before, behind = places.nearest_before(fixed), places.nearest_behind(fixed)
    unnamed = _among_unnamed(places, behind)
    entries = Entries(places)
    found: dict[int, ModulePath | None] = {}
    for step in places.steps.heads:
        if step in fixed or step in places.steps.constant or not before[step] or step in unnamed:
            continue
        meeting = _between(places, before[step], behind[step])
        entered = _entered(places, entries, step, behind[step], found)
        found[step] = entered if entered and (meeting is None or meeting.holds(entered)) else meeting
    return found


def _among_unnamed(places: StepPlaces, behind: Mapping[int, Sequence[int]]) -> set[int]:
    """Return the steps at the end that may be in modules without a name.

    These are the unknown steps with no known step or anchor behind them, if they compute with a weight
    without a name, stand behind such a step, or stand before any of these.
    """
    steps = places.steps
    last = [step for step in steps.heads if step not in places.known and not behind[step]]
    found = {step for step in last if places.computes_unnamed(step)}
    for order, beside in ((last, steps.before), (last[::-1], steps.behind)):
        touched = set(found)
        for step in order:
            if not touched.isdisjoint(beside[step]):
                touched.add(step)
        found |= touched
    return found


def _entered(
    places: StepPlaces,
    entries: Entries,
    step: int,
    behind: Sequence[int],
    filled: Mapping[int, ModulePath | None],
) -> ModulePath | None:
    """Return the common module of the steps behind a step if that module contains the step, else None.

    The module contains the step if a known step in a submodule reads an input of the step, or if the step
    reads the result of a step that was filled into the module.
    """
    found = {place for other in behind if (place := places.of_step[other]) is not None}
    module = common_ancestor(sorted(found))
    if not module:
        return None
    module = calling(module, found)
    known = [places.of_step[other] for other in entries.beside(step)]
    within = any(place is not None and place != module and module.holds(place) for place in known)
    follows = any(filled.get(other) == module for other in places.steps.before[step])
    return module if within or follows else None


def _between(places: StepPlaces, before: Sequence[int], behind: Sequence[int]) -> ModulePath | None:
    if before and behind:
        meetings = [m for a in before for b in behind if (m := places.meet(a, b)) is not None]
        return max(meetings, key=lambda m: m.depth, default=None)
    return _on_one_side(places, {*(before or behind)})


def _on_one_side(places: StepPlaces, steps: Set[int]) -> ModulePath | None:
    """Return the module that calls the modules of steps, or has them itself."""
    found = {place for step in steps if (place := places.of_step[step]) is not None}
    module = common_ancestor(sorted(found))
    if module is None:
        return None
    known = {places.of_step[step] for step in steps if step in places.known} - places.compound
    return calling(above(module) if module in known else module, found)
