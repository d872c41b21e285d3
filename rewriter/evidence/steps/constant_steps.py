"""Places constants by their readers, and so the Reshapes that a tool put before several products.

Constants belong to the common module of their readers, or to the parent of that module if it is a leaf and
the step has operators outside of `GLUE`.
"""

from __future__ import annotations

from rewriter.evidence.parameters.leaf_classes import GLUE
from rewriter.evidence.steps.callers import above, calling
from rewriter.evidence.steps.step_places import StepPlaces
from rewriter.paths import ModulePath, common_ancestor


def added(places: StepPlaces) -> dict[int, ModulePath | None]:
    """Return Reshape that a tool put before several products -> the lowest module that calls them."""
    found = {}
    for step in places.steps.added:
        readers = {places.of_step[reader] for reader in places.steps.behind[step]}
        found[step] = places.user(readers) or places.of_step[step]
    return found


def read(places: StepPlaces) -> dict[int, ModulePath | None]:
    """Return constant step -> the module of its readers, for steps without one."""
    found: dict[int, ModulePath | None] = {}
    for step in reversed(places.steps.heads):
        if step in places.steps.constant and places.of_step[step] is None:
            readers = {
                found.get(other, places.of_step[other])
                for node in places.steps.members[step]
                for reader in places.graph.successors(node)
                if (other := places.steps.of[reader]) != step
            }
            known = {place for place in readers if place is not None}
            module = common_ancestor(sorted(known))
            if module in places.leaves and not _only_shapes(places, step):
                module = above(module)
            found[step] = None if module is None else calling(module, known)
    return found


def _only_shapes(places: StepPlaces, step: int) -> bool:
    """Whether a step has only operators that exporters put around nodes, also inside of a module."""
    return all(places.graph.operators[node][1] in GLUE for node in places.steps.members[step])
