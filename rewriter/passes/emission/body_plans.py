"""Plans the functions of all bodies of a model: inner graph bodies before outer ones, the main graph last."""

from __future__ import annotations

from collections.abc import Callable

from onnx import ModelProto

from rewriter.modules.analysis import Analysis
from rewriter.modules.module import Module
from rewriter.passes.emission.boundary_types import BoundaryTypes
from rewriter.passes.emission.function_writer import Emission
from rewriter.passes.emission.grouping_plan import MOST_ROUNDS, GroupingPlan, Planner
from rewriter.regions.body_view import views_of
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
        The plans of the views that `body_view.views_of` gives.
    """
    finder = RegionFinder(analysis.graph, analysis.tree, wants)
    *inner, main = views_of(analysis)
    plans = [Planner(view, analysis.tree, finder, None).plan() for view in inner]
    planner = Planner(main, analysis.tree, finder, types)
    plan = planner.plan()

    def sketch() -> ModelProto:
        return Emission(analysis, [*plans, plan]).sketch()

    for _ in range(MOST_ROUNDS):
        if not (lifted := types.lift_unloadable(planner.regions, sketch)):
            break
        planner.refusals += lifted
        plan = planner.plan()
    return [*plans, plan]
