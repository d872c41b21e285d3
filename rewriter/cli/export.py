"""`rewriter export M --format F -o FILE`."""

from __future__ import annotations

from pathlib import Path

import click

from rewriter import pipeline
from rewriter.cli.common import MODEL, given_options, progress
from rewriter.cli.selecting import read_sizes, selection_options, sizes_option
from rewriter.cli.words import OneOf, refuse_with
from rewriter.evidence.given import Given
from rewriter.insight.figures import figures_of
from rewriter.insight.flops import flops_of
from rewriter.insight.weighing import Measure, weigh, with_ancestors
from rewriter.model.outputs import plan_copies, write_atomically
from rewriter.modules.analysis import Analysis
from rewriter.modules.selection import Selection
from rewriter.runtime.shapes import demand_dimensions, infer_shapes, open_sizes
from rewriter.views.escape import visible
from rewriter.views.exports.dot import dot
from rewriter.views.exports.model_explorer import model_explorer
from rewriter.views.exports.speedscope import speedscope
from rewriter.views.exports.table import table
from rewriter.views.summary import counted

FORMATS = ("model-explorer", "speedscope", "dot", "csv")


@click.command("export")
@click.argument("model", type=MODEL)
@selection_options
@click.option("--format", "form", type=OneOf(FORMATS), required=True, help="For which viewer.")
@click.option("-o", "--output", type=MODEL, help="The file to write; stdout where left out.")
@click.option(
    "--weight",
    type=OneOf([each.value for each in Measure]),
    help="What sizes are: one for model-explorer (parameters), all for speedscope where left out.",
)
@sizes_option
@given_options
def command(
    model: Path,
    selection: Selection,
    form: str,
    output: Path | None,
    weight: str | None,
    dims: tuple[str, ...],
    given: Given,
) -> None:
    """Write the module tree of MODEL and its figures for another viewer.

    PATTERNS and the other choices name the modules to show; what is inside others counts as part of the
    module above that is shown.

    \b
      rewriter export bert.onnx --format model-explorer --weight flops -o bert.flops.json
      rewriter export bert.onnx --format speedscope -o bert.speedscope.json
      rewriter export bert.onnx --format dot --depth 4 | dot -Tsvg -o bert.svg
      rewriter export bert.onnx --format csv -o bert.csv
    """
    sizes = read_sizes(dims)
    if weight and form in ("dot", "csv"):
        raise click.UsageError(f"--format {form} shows no single size; leave out --weight")
    if form != "csv" and weight != Measure.FLOPS and (form, weight) != ("speedscope", None):
        refuse_with("sizes of dimensions are for FLOPs, which this does not show", "dims")
    if output is not None:
        plan_copies(model, [output], (), copy_data=False)
    with progress() as tell:
        analysis = pipeline.load(model, given)
        selection.modules(analysis)  # refuses what fits nothing before anything is computed
        demand_dimensions(analysis.model, sizes, model)
        tell("shapes")
        text = _rendered(model, analysis, selection, form, weight, sizes)
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
