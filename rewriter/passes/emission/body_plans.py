"""Plans the functions of all bodies of a model: inner graph bodies before outer ones, the main graph last."""

from __future__ import annotations

from collections.abc import Callable

from onnx import ModelProto

from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.modules.analysis import Analysis
from rewriter.modules.module import Module
from rewriter.passes.emission.boundary_types import BoundaryTypes
from rewriter.passes.emission.function_writer import Emission
from rewriter.passes.emission.grouping_plan import MOST_ROUNDS, GroupingPlan, Planner
from rewriter.regions.body_view import body_view, extents_of, main_view
from rewriter.regions.region_tree import RegionFinder


def plan_functions(
    analysis: Analysis, types: BoundaryTypes, wants: Callable[[Module], bool]
) -> list[GroupingPlan]:
    """Plan the functions: first move out nodes that are known to fail, then nodes that fail in a trial.

    Args:
        analysis: the model.
        types: types at the boundaries of the main graph.
        wants: whether a module gets functions.

    Returns:
        A plan for each graph body with functions, and for the bodies around it, inner ones first; then that
        of the main graph.
    """
    finder = RegionFinder(analysis.graph, analysis.tree, wants)
    plans = _inner_plans(analysis, finder)
    planner = Planner(main_view(analysis), analysis.tree, finder, types)
    plan = planner.plan()

    def sketch() -> ModelProto:
        return Emission(analysis, [*plans, plan]).sketch()

    for _ in range(MOST_ROUNDS):
        if not (lifted := types.lift_unloadable(planner.regions, sketch)):
            break
        planner.refusals += lifted
        plan = planner.plan()
    return [*plans, plan]


def _inner_plans(analysis: Analysis, finder: RegionFinder) -> list[GroupingPlan]:
    """Return the plans of graph bodies, inner ones first."""
    graph = analysis.graph
    placed = {graph.body_of[n] for n, place in enumerate(analysis.tree.placements) if place is not None}
    found: list[GroupingPlan] = []
    changed: set[int] = set()
    extents = extents_of(graph)
    for body in reversed(range(1, len(graph.bodies))):
        if body not in placed | changed or not extents[body] or _in_function(graph, body):
            continue
        view = body_view(analysis, body, extents[body])
        plan = Planner(view, analysis.tree, finder, None).plan()
        if len(plan.regions.regions) > 1 or body in changed or plan.refusals:
            found.append(plan)
            changed.add(graph.body_of[graph.bodies[body].owner])
    return found


def _in_function(graph: GraphIndex, body: int) -> bool:
    """Whether a graph body is in a local function."""
    while graph.bodies[body].outer != NONE:
        body = graph.bodies[body].outer
    return body != 0
