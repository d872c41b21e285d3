"""Places anchors: steps that bring together the results of different known steps.

An anchor has operands from different known steps (queries and keys), or adds the input of a branch to its
result (`x + f(x)`). It belongs to the deepest common module of two such steps, or of one of them and a known
step behind the anchor. The search for known steps before an operand ends at a step that computes with a
weight without a name: that step is in a module that the file does not name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rewriter.evidence.steps.callers import above, calling
from rewriter.evidence.steps.step_places import StepPlaces, nearest_of
from rewriter.model.index.graph import NONE
from rewriter.paths import ModulePath

_Sources = Mapping[int, tuple[int, ...]]
"""Step -> the known steps before it, the nearest first."""


def meeting(places: StepPlaces) -> dict[int, ModulePath | None]:
    """Return anchor -> its module."""
    sources: dict[int, tuple[int, ...]] = {}
    anchors: dict[int, ModulePath] = {}
    for step in places.steps.heads:
        if step in places.known:
            sources[step] = (step,)
            continue
        operands = [sources.get(other, ()) for other in places.steps.before[step]]
        sources[step] = () if places.computes_unnamed(step) else nearest_of(operands)
        if meetings := [*_of_operands(places, operands), *_of_branches(places, step, sources)]:
            anchors[step] = max(meetings, key=lambda m: m.depth)
    behind = places.nearest_behind(places.known)
    return {
        step: max(
            (
                m
                for a in sources[step]
                for b in behind[step]
                if (m := places.meet(a, b)) is not None and m.depth > anchor.depth
            ),
            key=lambda m: m.depth,
            default=anchor,
        )
        for step, anchor in anchors.items()
    }


def _of_operands(places: StepPlaces, operands: Sequence[Sequence[int]]) -> Iterator[ModulePath]:
    """Yield the common modules of known steps of different operands.

    Steps that two operands share show no common module.
    """
    for number, one in enumerate(operands):
        for other in operands[number + 1 :]:
            for a in _without(one, other):
                for b in _without(other, one):
                    if (meeting := places.meet(a, b)) is not None:
                        yield meeting


def _without(steps: Sequence[int], others: Sequence[int]) -> list[int]:
    left_out = frozenset(others)
    return [step for step in steps if step not in left_out]


def _of_branches(places: StepPlaces, step: int, sources: _Sources) -> Iterator[ModulePath]:
    """Yield the common modules of the first and the last known step of `f`, for a sum `x + f(x)`.

    In `x + f(x)`, the first step of `f` reads `x`, and the last one is the known step nearest to the sum.
    """
    graph, steps = places.graph, places.steps
    if graph.operators[step][1] != "Add":
        return
    before = {steps.of[other] for other in graph.predecessors(step)}
    for value in graph.reads[step]:
        if value == NONE or value in graph.constants:
            continue
        maker = graph.producer[value]
        ends = [
            sources[other][0]
            for other in before - ({steps.of[maker]} if maker != NONE else set())
            if sources.get(other)
        ]
        beginnings = sorted({steps.of[reader] for reader in graph.readers[value]} & places.known)
        for beginning in beginnings:
            for end in sorted(ends):
                if beginning != end and (meeting := places.meet(beginning, end)) is not None:
                    yield _adding(places, meeting, beginnings)


def _adding(places: StepPlaces, module: ModulePath, beginnings: Sequence[int]) -> ModulePath:
    """Return the module that adds `x` to `f(x)`, for a module that holds the first and last step of `f`.

    The caller of that module adds if the module is `f` itself. It is if `f` begins with a weight of its own,
    or with several submodules that read `x`, such as queries, keys and values.

    Args:
        places: the modules of the steps.
        module: the module.
        beginnings: the known steps that read `x`.
    """
    first = {
        place for step in beginnings if (place := places.of_step[step]) is not None and module.holds(place)
    }
    return calling(above(module), {module}) if module in first or len(first) > 1 else module
