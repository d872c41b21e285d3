"""`rewriter split M --at MODULE -o DIR`, and with `--budget` or `--into` instead of `--at`."""

from __future__ import annotations

from rewriter import pipeline
from rewriter.api.input_arrays import read_inputs
from rewriter.basics.option_declaration import values
from rewriter.cli.common import given_of, progress, show
from rewriter.cli.dimensions import read_sizes
from rewriter.cutting.check import Checking
from rewriter.cutting.plan.memory_split import Aim, plan_chain
from rewriter.cutting.split import finish
from rewriter.options.cut import SplitOptions
from rewriter.options.groups import Pieces
from rewriter.views.json.cutting import split_json
from rewriter.views.text.cutting import print_split


def run(options: SplitOptions) -> None:
    """Split a model into parts, write them unless it is a dry run, and print a summary."""
    checking = Checking(**values(Pieces, options) | {"inputs": read_inputs(options.inputs)})
    sizes = read_sizes(options.dims)
    with progress() as tell:
        analysis = pipeline.load_sorted(options.model, given_of(options, options.output))
        tell("split")
        found = plan_chain(analysis, options.at, Aim(options.budget, options.into, sizes), checking)
        if not options.dry_run:
            found = finish(found, options.output, checking, copy_data=options.copy_data)
    show(options, lambda: split_json(found), lambda console: print_split(found, console))
