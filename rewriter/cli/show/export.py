"""`rewriter export M --format F -o FILE`."""

from __future__ import annotations

import click

from rewriter import pipeline
from rewriter.cli.command_words import refuse_with
from rewriter.cli.common import given_of, progress
from rewriter.cli.dimensions import read_sizes
from rewriter.model.storage.atomic_outputs import write_atomically
from rewriter.model.storage.output_targets import plan_copies
from rewriter.options.show import ExportOptions
from rewriter.views.escape import visible
from rewriter.views.exports.export import demand_weight, export


def run(options: ExportOptions) -> None:
    """Write the tree and its figures for another viewer."""
    model, form, weight, output = options.model, options.form, options.weight, options.output
    sizes = read_sizes(options.dims)
    demand_weight(form, weight)
    if form != "csv" and weight != "flops" and (form, weight) != ("speedscope", None):
        refuse_with("--dim affects only FLOPs, which this export does not show", "dims")
    if output is not None:
        plan_copies(model, [output], (), copy_data=False)
    with progress() as tell:
        analysis = pipeline.load(model, given_of(options))
        tell("shapes")
        found = export(analysis, form, options.selection, weight=weight, sizes=sizes)
    for note in found.notes:
        click.echo(visible(f"rewriter: {model}: {note}"), err=True)
    if output is None:
        click.echo(found.text, nl=False)
    else:
        write_atomically({output: found.text.encode()})
