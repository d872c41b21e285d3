"""`rewriter flatten M -o O`."""

from __future__ import annotations

from rewriter import pipeline
from rewriter.cli.common import progress, proof_of, show_report
from rewriter.options.write import Flatten
from rewriter.passes.flatten import Flatten as FlattenPass


def run(options: Flatten) -> None:
    """Undo the functions of a rewrite, and prove it."""
    how = pipeline.Options(
        (FlattenPass(options.foreign),), **proof_of(options), sidecar=False, copy_data=options.copy_data
    )
    with progress() as tell:
        report = pipeline.rewrite(options.model, options.output, how, tell)
    show_report(report, as_json=options.as_json)
