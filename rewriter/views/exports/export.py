"""Exports the module tree and its figures to the formats of other viewers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from rewriter.basics.display import Display, counted
from rewriter.basics.literals import ViewerWord, WeightWord
from rewriter.basics.nearest import fits_nothing
from rewriter.errors import UsageError
from rewriter.insight.drawn_sizes import weigh, with_ancestors
from rewriter.insight.figures import figures_of
from rewriter.modules.analysis import Analysis
from rewriter.modules.selection import Selection
from rewriter.options.words import Measure
from rewriter.runtime.infer.flops import flops_of
from rewriter.runtime.infer.shapes import demand_dimensions, infer_shapes, open_sizes
from rewriter.views.exports.dot import dot
from rewriter.views.exports.model_explorer import model_explorer
from rewriter.views.exports.speedscope import speedscope
from rewriter.views.exports.table import table

FORMATS = get_args(ViewerWord)
WEIGHTS = get_args(WeightWord)
_GROUPED = "the file is grouped, and the data names the nodes of the flat model: see 'rewriter flatten'"


@dataclass(frozen=True, slots=True, repr=False)
class Export(Display):
    """A module tree in the format of another viewer.

    Attributes:
        form: the format.
        text: the content of the file.
        notes: warnings about the use of the file, one line each.
    """

    form: ViewerWord
    text: str
    notes: tuple[str, ...] = ()

    def _brief(self) -> str:
        return f"{self.form}, {counted(len(self.text), 'character')}"


def demand_weight(form: ViewerWord, weight: WeightWord | None) -> None:
    """Refuse a weight for a format that does not draw modules in proportion to a weight.

    Raises:
        UsageError: the format takes no weight, or the weight is unknown.
    """
    if weight is not None and weight not in WEIGHTS:
        raise UsageError(fits_nothing("weight", weight, WEIGHTS))
    if weight and form in ("dot", "csv"):
        raise UsageError(f"--format {form} shows no single size; leave out --weight")


def export(
    analysis: Analysis,
    form: ViewerWord,
    selection: Selection = Selection(),  # noqa: B008 frozen
    *,
    weight: WeightWord | None = None,
    sizes: Mapping[str, int] | None = None,
) -> Export:
    """Convert the module tree and its figures to the format of another viewer.

    Args:
        analysis: the model.
        form: `model-explorer`, `speedscope`, `dot` or `csv`.
        selection: the modules to show. `speedscope` and `dot` also show their ancestors, and other modules
            count as part of their nearest shown ancestor; `csv` has a row per selected module;
            `model-explorer` ignores the selection.
        weight: the figure to draw; None means parameters for `model-explorer`, all figures for `speedscope`.
        sizes: symbolic dimension -> size, so that FLOPs become known.

    Raises:
        UsageError: the format or weight is unknown, the format takes no weight, the selection matches
            nothing, or the model has no symbolic dimension of a given name.
    """
    if form not in FORMATS:
        raise UsageError(fits_nothing("format", form, FORMATS))
    demand_weight(form, weight)
    sizes = sizes or {}
    chosen = selection.modules(analysis)
    demand_dimensions(analysis.model, sizes, analysis.path)
    home = with_ancestors(analysis.tree, (module.path for module in chosen))
    if form == "dot":
        return Export(form, dot(analysis, home))
    measures = _measures(form, weight)
    flops: list[int | str] | None = None
    notes: tuple[str, ...] = ()
    if form == "csv" or Measure.FLOPS in measures:
        flops = flops_of(analysis.graph, infer_shapes(analysis.model, sizes))
        notes = _unknown(flops, open_sizes(analysis.model, sizes))
    if flops is not None and form == "csv":
        return Export(form, table(chosen, figures_of(analysis, flops)), notes)
    weighings = [weigh(analysis, measure, flops) for measure in measures]
    if form == "speedscope":
        return Export(form, speedscope(analysis, weighings, home) + "\n", notes)
    notes += (_GROUPED,) if analysis.grouped else ()
    return Export(form, model_explorer(analysis, weighings[0]) + "\n", notes)


def _measures(form: ViewerWord, weight: WeightWord | None) -> Sequence[Measure]:
    if weight:
        return [Measure(weight)]
    return [Measure.PARAMETERS] if form == "model-explorer" else list(Measure)


def _unknown(flops: list[int | str], mend: str) -> tuple[str, ...]:
    reasons = [each for each in flops if isinstance(each, str)]
    if not reasons:
        return ()
    return (f"FLOPs of {counted(len(reasons), 'node')} are unknown, first {reasons[0]!r}{mend}",)
