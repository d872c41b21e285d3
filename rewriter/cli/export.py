"""`rewriter export M --format F -o FILE`."""

from __future__ import annotations

from pathlib import Path

import click

from rewriter import pipeline
from rewriter.cli.common import given_of, progress
from rewriter.cli.sizes import read_sizes
from rewriter.cli.words import refuse_with
from rewriter.insight.figures import figures_of
from rewriter.insight.flops import flops_of
from rewriter.insight.weighing import weigh, with_ancestors
from rewriter.model.outputs import plan_copies, write_atomically
from rewriter.modules.analysis import Analysis
from rewriter.modules.selection import Selection
from rewriter.options.show import Export
from rewriter.options.words import Measure
from rewriter.runtime.shapes import demand_dimensions, infer_shapes, open_sizes
from rewriter.views.escape import visible
from rewriter.views.exports.dot import dot
from rewriter.views.exports.model_explorer import model_explorer
from rewriter.views.exports.speedscope import speedscope
from rewriter.views.exports.table import table
from rewriter.views.summary import counted


def run(options: Export) -> None:
    """Write the tree and its figures for another viewer."""
    model, form, weight, output = options.model, options.form, options.weight, options.output
    sizes = read_sizes(options.dims)
    if weight and form in ("dot", "csv"):
        raise click.UsageError(f"--format {form} shows no single size; leave out --weight")
    if form != "csv" and weight != Measure.FLOPS and (form, weight) != ("speedscope", None):
        refuse_with("sizes of dimensions are for FLOPs, which this does not show", "dims")
    if output is not None:
        plan_copies(model, [output], (), copy_data=False)
    with progress() as tell:
        analysis = pipeline.load(model, given_of(options))
        options.selection.modules(analysis)  # refuses what fits nothing before anything is computed
        demand_dimensions(analysis.model, sizes, model)
        tell("shapes")
        text = _rendered(model, analysis, options.selection, form, weight, sizes)
    if output is None:
        click.echo(text, nl=False)
    else:
        write_atomically({output: text.encode()})


def _rendered(
    model: Path,
    analysis: Analysis,
    selection: Selection,
    form: str,
    weight: str | None,
    sizes: dict[str, int],
) -> str:
    chosen = selection.modules(analysis)
    home = with_ancestors(analysis.tree, (module.path for module in chosen))
    if form == "dot":
        return dot(analysis, home)
    wanted = [Measure(weight)] if weight else list(Measure)
    if form == "model-explorer" and not weight:
        wanted = [Measure.PARAMETERS]
    flops: list[int | str] | None = None
    if form == "csv" or Measure.FLOPS in wanted:
        flops = flops_of(analysis.graph, infer_shapes(analysis.model, sizes))
        _tell_unknown(model, flops, open_sizes(analysis.model, sizes))
    if form == "csv":
        assert flops is not None
        return table(chosen, figures_of(analysis, flops))
    weighings = [weigh(analysis, measure, flops) for measure in wanted]
    if form == "speedscope":
        return speedscope(analysis, weighings, home) + "\n"
    if analysis.grouped:
        _tell(
            model,
            "the file is grouped, and the data names the nodes of the flat model: see 'rewriter flatten'",
        )
    return model_explorer(analysis, weighings[0]) + "\n"


def _tell_unknown(model: Path, flops: list[int | str], mend: str) -> None:
    reasons = [each for each in flops if isinstance(each, str)]
    if reasons:
        _tell(model, f"FLOPs of {counted(len(reasons), 'node')} are unknown, first {reasons[0]!r}{mend}")


def _tell(model: Path, note: str) -> None:
    click.echo(visible(f"rewriter: {model}: {note}"), err=True)
