"""`rewriter precision M`."""

from __future__ import annotations

import click

from rewriter import pipeline
from rewriter.api.input_arrays import read_inputs
from rewriter.cli.command_words import refuse_with
from rewriter.cli.common import given_of, progress, show
from rewriter.errors import Different
from rewriter.insight.half_precision.module_precision import Precision
from rewriter.modules.selection import Selection
from rewriter.options.compare import PrecisionOptions
from rewriter.options.words import LINES
from rewriter.views.escape import visible
from rewriter.views.json.numbers.precision import precision_json
from rewriter.views.name_formats import left_out, names_as
from rewriter.views.text.numbers.precision import print_precision


def run(options: PrecisionOptions) -> int:
    """Print the modules to keep in fp32; return 0 if the outputs are within the tolerance then, else 1."""
    selection = options.selection
    if options.form is not None and options.as_json:
        refuse_with("--json has its own format", "form")
    with progress() as tell:
        found = pipeline.precision(
            options.model,
            options.to,
            inputs=read_inputs(options.inputs),
            tolerance=options.tolerance,
            timeout=options.timeout,
            given=given_of(options),
            selection=selection,
            progress=tell,
        )
    chosen = None
    if selection != Selection():
        chosen = frozenset(module.path for module in selection.modules(found.analysis))
    if options.form is not None:
        _print_names(found, options.form)
    else:
        show(
            options,
            lambda: precision_json(found, chosen),
            lambda console: print_precision(found, console, chosen, everything=options.everything),
        )
    return 0 if found.fits else Different.exit_code


def _print_names(found: Precision, form: str) -> None:
    """Print the names of the nodes to keep in fp32; notes go to stderr: another tool may read stdout."""
    names = found.names()
    if names.names or form != LINES:
        click.echo(names_as(names, form, "fp32"))
    for note in (*names.notes, *left_out(names, form)):
        click.echo(visible(f"rewriter: {found.analysis.path}: {note}"), err=True)
