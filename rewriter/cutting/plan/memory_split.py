"""Plans a chain whose parts fit a budget of memory, or a chain of a given number of parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from rewriter.basics.display import counted
from rewriter.cutting.calls import demand_movable, file_of
from rewriter.cutting.check import Checking
from rewriter.cutting.hoisting import hoist
from rewriter.cutting.main_graph import MainGraph
from rewriter.cutting.piece import cut
from rewriter.cutting.plan.choice import SLACK, Boundaries
from rewriter.cutting.plan.footprint import footprint_of
from rewriter.cutting.plan.places import CutPlace, places_of
from rewriter.cutting.plan.value_sizes import ValueSizes, sizes_of
from rewriter.cutting.split import At, Split, parse_cuts, plan_split
from rewriter.errors import CannotCut, UsageError
from rewriter.modules.analysis import Analysis
from rewriter.runtime.child_limits import size_text
from rewriter.runtime.infer.shapes import open_sizes

_ATTEMPTS = 4
"""Plans that are tried for a budget; each aims lower, by what the largest part of the last one was over."""


@dataclass(frozen=True, slots=True)
class Aim:
    """Aim of a plan: exactly one of `budget` and `into`.

    Attributes:
        budget: bytes that each part may need.
        into: number of parts.
        dims: symbolic dimension -> size.
    """

    budget: int | None = None
    into: int | None = None
    dims: Mapping[str, int] = field(default_factory=dict)


def plan_chain(analysis: Analysis, at: Sequence[str], aim: Aim, how: Checking) -> Split:
    """Cut a model before modules, or where an aim chooses, without checking or writing the parts.

    Args:
        analysis: the model; it is not changed.
        at: the modules before which to cut, as globs; empty to cut by `aim`.
        aim: the budget or the number of parts; unused with `at`.
        how: options of the check.

    Raises:
        UsageError: see `parse_cuts`, `plan_split` and `plan_memory`.
        CannotCut: see `plan_split` and `plan_memory`.
    """
    return plan_split(analysis, parse_cuts(analysis, at), how) if at else plan_memory(analysis, aim, how)


def plan_memory(analysis: Analysis, aim: Aim, how: Checking) -> Split:
    """Choose cuts and cut a model, without checking or writing the parts.

    Args:
        analysis: the model; it is not changed.
        aim: the budget or the number of parts.
        how: options of the check.

    Raises:
        UsageError: a dimension is unknown to the model, or its size is missing.
        CannotCut: the model cannot be cut (see `plan_split`), has too few places to cut, has a part that is
            over the budget wherever it is cut, or its memory cannot be predicted and there is a budget.
    """
    demand_movable(analysis)
    main = hoist(analysis.graph, set()).main
    sizes = sizes_of(main, aim.dims, analysis.path)
    _demand_sizes(analysis, sizes, aim)
    boundaries = _boundaries(analysis, main, sizes)
    if aim.budget is None:
        places = _equal(analysis, boundaries, aim.into or 1)
        return plan_split(analysis, _cuts(places), how, sizes)
    target = aim.budget
    for _ in range(_ATTEMPTS):
        places = _fitting(analysis, boundaries, target, aim.budget)
        found = plan_split(analysis, _cuts(places), how, sizes)
        over = max(part.total for part in found.memory) - aim.budget
        if over <= 0:
            return found
        target -= over
    raise CannotCut(
        f"{file_of(analysis)}: no plan was found whose parts all need at most {size_text(aim.budget)}; the "
        f"last one needs {size_text(aim.budget + over)} for a part; raise --budget"
    )


def _demand_sizes(analysis: Analysis, sizes: ValueSizes, aim: Aim) -> None:
    """Refuse a model whose memory cannot be predicted; for a number of parts, only if sizes can be given."""
    if not sizes.main.nodes:
        raise CannotCut(f"{file_of(analysis)}: has no nodes, so there is no place to cut")
    lacking = sizes.unknown or sizes.unknown_inputs
    if lacking and (mend := open_sizes(analysis.model, aim.dims)):
        raise UsageError(f"{file_of(analysis)}: the memory of values is unknown{mend}")
    if lacking and aim.budget is not None:
        reason = next(iter(sizes.unknown.values()), "the shape of an input is unknown")
        more = f" ({sizes.shapes.fault})" if sizes.shapes.fault else ""
        raise CannotCut(
            f"{file_of(analysis)}: no part can be held to a budget: {reason}{more}; use --into or --at"
        )


def _boundaries(analysis: Analysis, main: MainGraph, sizes: ValueSizes) -> Boundaries:
    """Return the places to cut, and the memory of parts if each has the nodes between two places."""
    places = places_of(analysis, main)
    points = [0, *(place.point for place in places), len(analysis.graph.nodes)]

    @cache
    def cost(start: int, stop: int) -> int:
        first, end = points[start], points[stop]
        nodes = [n for n in main.nodes if first <= n < end and n not in main.portable]
        outputs = [
            value
            for value in main.written(nodes)
            if value in main.results or any(reader >= end for reader in main.readers.get(value, ()))
        ]
        return footprint_of(sizes, cut(main, nodes, outputs)).total

    return Boundaries(places, cost)


def _equal(analysis: Analysis, boundaries: Boundaries, parts: int) -> list[CutPlace]:
    if parts > boundaries.end:
        raise CannotCut(
            f"{file_of(analysis)}: has {counted(len(boundaries.places), 'place')} to cut, so it can be cut "
            f"into at most {counted(boundaries.end, 'part')}"
        )
    return boundaries.choose(parts, int(SLACK * boundaries.least(parts)))


def _fitting(analysis: Analysis, boundaries: Boundaries, most: int, budget: int) -> list[CutPlace]:
    parts = boundaries.fewest(most)
    if parts is None:
        least = max(boundaries.cost(n, n + 1) for n in range(boundaries.end))
        raise CannotCut(
            f"{file_of(analysis)}: a part needs {size_text(least)} even if it is cut before every module, "
            f"more than {size_text(budget)}; raise --budget"
        )
    return boundaries.choose(parts, most)


def _cuts(places: Sequence[CutPlace]) -> list[At]:
    return [At(place.module, place.call) for place in places]
