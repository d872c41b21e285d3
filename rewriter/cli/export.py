"""`rewriter export M --format F -o FILE`."""

from __future__ import annotations

from pathlib import Path

import click

from rewriter import pipeline
from rewriter.cli.common import MODEL, given_options, progress
from rewriter.cli.selecting import read_sizes, selection_options, sizes_option
from rewriter.cli.words import OneOf, refuse_with
from rewriter.evidence.given import Given
from rewriter.literals import ViewerWord, WeightWord
from rewriter.model.outputs import plan_copies, write_atomically
from rewriter.modules.selection import Selection
from rewriter.views.escape import visible
from rewriter.views.exports.export import FORMATS, WEIGHTS, demand_weight, export


@click.command("export")
@click.argument("model", type=MODEL)
@selection_options
@click.option("--format", "form", type=OneOf(FORMATS), required=True, help="For which viewer.")
@click.option("-o", "--output", type=MODEL, help="The file to write; stdout where left out.")
@click.option(
    "--weight",
    type=OneOf(WEIGHTS),
    help="What sizes are: one for model-explorer (parameters), all for speedscope where left out.",
)
@sizes_option
@given_options
def command(
    model: Path,
    selection: Selection,
    form: ViewerWord,
    output: Path | None,
    weight: WeightWord | None,
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
    demand_weight(form, weight)
    if form != "csv" and weight != "flops" and (form, weight) != ("speedscope", None):
        refuse_with("sizes of dimensions are for FLOPs, which this does not show", "dims")
    if output is not None:
        plan_copies(model, [output], (), copy_data=False)
    with progress() as tell:
        analysis = pipeline.load(model, given)
        tell("shapes")
        found = export(analysis, form, selection, weight=weight, sizes=sizes)
    for note in found.notes:
        click.echo(visible(f"rewriter: {model}: {note}"), err=True)
    if output is None:
        click.echo(found.text, nl=False)
    else:
        write_atomically({output: found.text.encode()})
