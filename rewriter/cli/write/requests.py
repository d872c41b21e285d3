"""Helpers of the verbs that rewrite: options of the command line become a `batch.Request`."""

from __future__ import annotations

import click

from rewriter import pipeline
from rewriter.basics.option_declaration import values
from rewriter.batch.request import Request
from rewriter.cli.common import progress, show
from rewriter.errors import UnreadableModel, UsageError
from rewriter.model.storage.output_targets import spare_given
from rewriter.options.groups import Rewriting
from rewriter.options.write import BatchOptions, CarryOptions, RewriteOptions
from rewriter.passes.registry.presets import passes_of
from rewriter.views.json import rewrite_json
from rewriter.views.text.rewrite_report import print_report


def request_of(options: RewriteOptions | BatchOptions) -> Request:
    """Return the request of a rewrite, which can be sent to any process.

    Raises:
        UsageError: options contradict each other.
    """
    if options.force and options.like is None and not isinstance(options, CarryOptions):
        raise UsageError("--force has an effect only with --like; add --like")
    return Request(passes_of(options), **values(Rewriting, options))


def rewrite_and_show(options: RewriteOptions, request: Request) -> None:
    """Rewrite one file and print the report.

    Raises:
        click.UsageError: no output file is named.
        UnreadableModel: the model is a folder.
        RewriterError: see `pipeline.rewrite`.
    """
    model, output = options.model, options.output
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
    with progress() as tell:
        report = pipeline.rewrite(model, output, request.options(model), tell)
    show(options, lambda: rewrite_json(report), lambda console: print_report(report, console))
