"""`rewriter extract M MODULE... -o O`."""

from __future__ import annotations

import click

from rewriter import pipeline
from rewriter.api.input_arrays import read_inputs
from rewriter.basics.option_declaration import values
from rewriter.cli.common import given_of, progress, show
from rewriter.cutting.check import Checking
from rewriter.cutting.extract import extract
from rewriter.options.cut import ExtractOptions
from rewriter.options.groups import Pieces
from rewriter.views.json.cutting import extract_json
from rewriter.views.text.cutting import print_extraction


def run(options: ExtractOptions) -> None:
    """Extract modules as one model, and print a summary."""
    selection = options.selection
    if not selection.of_modules and not selection.operators:
        raise click.UsageError("missing modules: name one, such as 'encoder.layer.0', or a glob")
    checking = Checking(**values(Pieces, options) | {"inputs": read_inputs(options.inputs)})
    with progress() as tell:
        analysis = pipeline.load_sorted(options.model, given_of(options, options.output))
        tell("extract")
        found = extract(
            analysis,
            [module.path for module in selection.whole(analysis)],
            options.output,
            call=options.call,
            checking=checking,
            copy_data=options.copy_data,
        )
    show(options, lambda: extract_json(found), lambda console: print_extraction(found, console))
