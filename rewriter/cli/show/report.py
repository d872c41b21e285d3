"""`rewriter report M [B] -o FILE`."""

from __future__ import annotations

import sys
import webbrowser
from pathlib import Path

import click

from rewriter.api.input_arrays import read_inputs
from rewriter.api.model_report import ReportContents, report
from rewriter.cli.command_words import refuse_with
from rewriter.cli.common import given_of, progress, stdout
from rewriter.cli.dimensions import read_sizes
from rewriter.errors import CannotWrite, UsageError
from rewriter.model.storage.atomic_outputs import write_atomically
from rewriter.model.storage.output_targets import plan_copies
from rewriter.options.show import ReportOptions
from rewriter.views.page.page import is_page
from rewriter.views.text.parts import flow
from rewriter.views.text.rewrite_report import written_phrase


def run(options: ReportOptions) -> None:
    """Write the page, or with `--svg` the icicle alone."""
    model = options.model
    if options.svg:
        refuse_with("--svg draws the icicle alone", "other", "original")
    output = _target(options)
    if options.open and output is None:
        raise UsageError("there is no file to open; name it with -o")
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
        if options.open:
            webbrowser.open(output.resolve().as_uri())


def _target(options: ReportOptions) -> Path | None:
    """Return the file to write: that of `-o`; on a terminal one in the current folder; None for stdout.

    Raises:
        CannotWrite: the file in the current folder exists and is no report.
    """
    if options.output is not None or options.svg or not sys.stdout.isatty():
        return options.output
    target = Path(f"{options.model.stem}.html")
    if target.exists() and not is_page(target):
        raise CannotWrite(f"{target}: exists and is no report; name another file with -o")
    return target
