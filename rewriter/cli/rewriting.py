"""What the verbs that rewrite share: words of the command line become a request of the batch."""

from __future__ import annotations

from pathlib import Path

import click

from rewriter import pipeline
from rewriter.batch.request import Request
from rewriter.cli.common import progress, show_report
from rewriter.declaration import values
from rewriter.model.outputs import spare_given
from rewriter.options.groups import Rewriting
from rewriter.options.write import Batch, Carry, Rewrite
from rewriter.passes.presets import passes_of
from rewriter.refusals import UnreadableModel, UsageError


def request_of(options: Rewrite | Carry | Batch) -> Request:
    """How to rewrite, as it travels to any process.

    Raises:
        UsageError: options contradict each other.
    """
    if options.force and options.like is None and not isinstance(options, Carry):
        raise UsageError("--force is about an original that does not fit; add --like")
    return Request(passes_of(options), **values(Rewriting, options))


def rewrite_and_show(model: Path, output: Path | None, request: Request, *, as_json: bool) -> None:
    """Rewrite one file and print what was done.

    Raises:
        click.UsageError: nobody said where to write.
        UnreadableModel: the model is a folder.
        RewriterError: see `pipeline.rewrite`.
    """
    if output is None and not request.dry_run:
        raise click.UsageError("missing option '-o' / '--output': name the file to write, or add --dry-run")
    if model.is_dir():
        raise UnreadableModel(
            f"{model}: a folder, not a file; 'rewriter batch {model} -o FOLDER' rewrites all in it"
        )
    if output is not None:
        told = {
            name: getattr(request, name) for name in ("like", "reference", "checkpoint", "trace", "inputs")
        }
        spare_given(output, **told)
    options = request.options(model)
    with progress() as tell:
        report = pipeline.rewrite(model, output, options, tell)
    show_report(report, as_json=as_json)
