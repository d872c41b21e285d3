"""`rewriter drop M MODULE... -o O`."""

from __future__ import annotations

from rewriter import pipeline
from rewriter.cli.common import given_of, progress, proof_of, show
from rewriter.edits.drop import Drop
from rewriter.options.edit import DropOptions
from rewriter.views.json.edits.drops import drop_json
from rewriter.views.text.edits.drops import print_drop


def run(options: DropOptions) -> None:
    """Remove modules, and print what went with them."""
    how = pipeline.Options(
        (Drop.of(options.selection),),
        **proof_of(options),
        sidecar="none",
        copy_data=options.copy_data,
        given=given_of(options, options.output),
    )
    with progress() as tell:
        report = pipeline.rewrite(options.model, options.output, how, tell)
    show(options, lambda: drop_json(report), lambda console: print_drop(report, console))
