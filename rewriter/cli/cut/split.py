"""`rewriter split M --at MODULE -o DIR`."""

from __future__ import annotations

from rewriter import pipeline
from rewriter.api.input_arrays import read_inputs
from rewriter.basics.option_declaration import values
from rewriter.cli.common import given_of, progress, show
from rewriter.cutting.check import Checking
from rewriter.cutting.split import parse_cuts, split
from rewriter.options.cut import SplitOptions
from rewriter.options.groups import Pieces
from rewriter.views.json.cutting import split_json
from rewriter.views.text.cutting import print_split


def run(options: SplitOptions) -> None:
    """Split a model into parts, write them, and print a summary."""
    checking = Checking(**values(Pieces, options) | {"inputs": read_inputs(options.inputs)})
    with progress() as tell:
        analysis = pipeline.load_sorted(options.model, given_of(options, options.output))
        tell("split")
        cuts = parse_cuts(analysis, options.at)
        copying = options.copy_data
        found = split(analysis, cuts, options.output, checking=checking, copy_data=copying)
    show(options, lambda: split_json(found), lambda console: print_split(found, console))
