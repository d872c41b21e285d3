"""`rewriter replace M MODULE... --with DOMAIN:NAME -o O`."""

from __future__ import annotations

import click

from rewriter.cli.common import given_of, progress, proof_of, show
from rewriter.edits.given_attributes import read_attributes
from rewriter.edits.operator_name import OperatorName
from rewriter.options.edit import ReplaceOptions
from rewriter.pipeline import Options
from rewriter.pipeline.replacing import replace
from rewriter.runtime.compare.tolerance import tolerance_of
from rewriter.views.json.edits.replacement import replace_json
from rewriter.views.text.edits.replacement import print_replacement


def run(options: ReplaceOptions) -> None:
    """Replace modules by nodes of an operator, and print a summary."""
    selection = options.selection
    if not selection.of_modules and not selection.operators:
        raise click.UsageError("missing modules: name one, such as 'encoder.layer.0', or a glob")
    how = Options(
        **proof_of(options),
        copy_data=options.copy_data,
        tolerance=tolerance_of(options.tolerance, options.rtol, options.atol),
        given=given_of(options, options.output),
    )
    operator, attributes = OperatorName.of(options.operator), read_attributes(options.attribute)
    with progress() as tell:
        found = replace(options.model, selection, operator, options.output, how, tell, attributes=attributes)
    show(options, lambda: replace_json(found), lambda console: print_replacement(found, console))
