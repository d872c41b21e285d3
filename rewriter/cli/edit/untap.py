"""`rewriter untap M -o O`."""

from __future__ import annotations

from rewriter import pipeline
from rewriter.cli.common import progress, proof_of, show
from rewriter.edits.untap import Untap
from rewriter.options.edit import UntapOptions
from rewriter.views.json import rewrite_json
from rewriter.views.text.rewrite_report import print_report


def run(options: UntapOptions) -> None:
    """Remove the outputs that `tap` added, and prove the others equal."""
    how = pipeline.Options((Untap(),), **proof_of(options), sidecar="none", copy_data=options.copy_data)
    with progress() as tell:
        report = pipeline.rewrite(options.model, options.output, how, tell)
    show(options, lambda: rewrite_json(report), lambda console: print_report(report, console))
