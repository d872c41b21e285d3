"""`rewriter flatten M -o O`."""

from __future__ import annotations

from rewriter import pipeline
from rewriter.cli.common import progress, proof_of, show
from rewriter.options.write import FlattenOptions
from rewriter.passes.flatten import Flatten
from rewriter.views.json import rewrite_json
from rewriter.views.text.rewrite_report import print_report


def run(options: FlattenOptions) -> None:
    """Undo the functions of a rewrite, and prove the result equal."""
    how = pipeline.Options(
        (Flatten(options.foreign),), **proof_of(options), sidecar="none", copy_data=options.copy_data
    )
    with progress() as tell:
        report = pipeline.rewrite(options.model, options.output, how, tell)
    show(options, lambda: rewrite_json(report), lambda console: print_report(report, console))
