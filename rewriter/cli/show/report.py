"""`rewriter report M [B] -o FILE`."""

from __future__ import annotations

import click

from rewriter.api.input_arrays import read_inputs
from rewriter.api.model_report import ReportContents, report
from rewriter.cli.command_words import refuse_with
from rewriter.cli.common import given_of, progress, stdout
from rewriter.cli.dimensions import read_sizes
from rewriter.model.storage.atomic_outputs import write_atomically
from rewriter.model.storage.output_targets import plan_copies
from rewriter.options.show import ReportOptions
from rewriter.views.text.parts import flow
from rewriter.views.text.rewrite_report import written_phrase


def run(options: ReportOptions) -> None:
    """Write the page, or with `--svg` the icicle alone."""
    model, output = options.model, options.output
    if options.svg:
        refuse_with("--svg draws the icicle alone", "other", "original")
    wanted = ReportContents(
        other=options.other,
        original=options.original,
        profile=options.profile,
        recorded=options.recorded,
        numbers=options.numbers,
        inputs=read_inputs(options.inputs),
        timeout=options.timeout,
        sizes=read_sizes(options.dims),
        by=options.by,
    )
    for read in (model, options.other, options.original, options.recorded):
        if output is not None and read is not None:
            plan_copies(read, [output], (), copy_data=False)
    with progress() as tell:
        made = report(model, wanted, given_of(options, output), tell)
    text = made.svg + "\n" if options.svg else made.html
    if output is None:
        click.echo(text, nl=False)
    else:
        write_atomically({output: text.encode()})
        flow(stdout(), [written_phrase(output)], label="written")
