"""Compares two models, module by module."""

from __future__ import annotations

from rewriter.errors import DoesNotFit, UsageError
from rewriter.evidence import claims
from rewriter.evidence.side_inputs import Given
from rewriter.insight.comparison.module_diff import Diff, chosen_of
from rewriter.insight.comparison.module_diff import diff as diff_models
from rewriter.insight.comparison.tool_ancestry import kept_names
from rewriter.model.storage import external_data
from rewriter.modules.analysis import Analysis
from rewriter.modules.build import analyse
from rewriter.modules.selection import EVERYTHING, Selection
from rewriter.options.words import TOLERANCE
from rewriter.pipeline.loader import Inputs, Progress, Source, load
from rewriter.verdict.numbers import fitting
from rewriter.views.sidecar.original import like_analysis


def diff(
    before: Source,
    after: Source,
    *,
    numbers: bool = True,
    inputs: Inputs | None = None,
    tolerance: float = TOLERANCE,
    timeout: float = 600.0,
    selection: Selection = EVERYTHING,
    progress: Progress = lambda station: None,
) -> Diff:
    """Compare two models module by module; see `insight.comparison.module_diff.diff`.

    The tree of the first model is carried over to the second in two cases: the second was made from the first
    and has no modules that the first lacks, and the tree of the first places at least as many nodes; or the
    second has less coverage, and the tree of the first places more nodes.

    Raises:
        UnreadableModel: one of the models, or external data it refers to, cannot be read.
        UsageError: the inputs do not fit, or come without `numbers`; or the selection of modules to show
            matches nothing in either model.
    """
    if inputs is not None and not numbers:
        raise UsageError("--inputs are for running the models; leave out --no-numbers")
    progress("load")
    left, right = load(before), load(after)
    for each in (left, right):
        if each.path:
            external_data.check_external_data(each.model, each.path)
    carried = _carried(left, right)
    chosen_of(left, carried or right, selection)  # before any model runs
    progress("numbers" if numbers else "compare")
    return diff_models(
        left,
        carried or right,
        numbers=numbers,
        inputs=None if inputs is None else fitting(left.model, inputs),
        tolerance=tolerance,
        timeout=timeout,
        carried=carried is not None,
    )


def _carried(left: Analysis, right: Analysis) -> Analysis | None:
    """Return the second model with the tree of the first, or None if the second keeps its own tree.

    A second model with modules that the first lacks counts as another version, even if values of both models
    have equal names.
    """
    if claims.Source.FUNCTION in right.tree.by_source or _homes(left) == _homes(right):
        return None  # nodes in functions cannot be matched by name
    made_of = bool(kept_names(left, right)) and all(module.path in left.tree for module in right.tree)
    if not made_of and _share(right) >= _share(left):
        return None
    try:
        carried = analyse(right.graph, right.path, Given(like=like_analysis(left)))
    except (DoesNotFit, UsageError):
        return None
    if _homes(carried) == _homes(right):
        return None
    more = right.tree.unplaced - carried.tree.unplaced
    return carried if more > 0 or (made_of and more == 0) else None


def _share(analysis: Analysis) -> float:
    """Return the share of nodes with a module, guessed or not."""
    tree = analysis.tree
    return 1 - tree.unplaced / len(tree.placements) if tree.placements else 1.0


def _homes(analysis: Analysis) -> list[str | None]:
    """Return the module of each node; None for an unplaced node."""
    return [place.module if place else None for place in analysis.tree.placements]
