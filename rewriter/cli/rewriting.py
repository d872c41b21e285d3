"""What the verbs that rewrite share: words of the command line become a request of the batch."""

from __future__ import annotations

from pathlib import Path

import click

from rewriter import pipeline
from rewriter.batch.request import Request
from rewriter.cli.common import progress, show_report
from rewriter.declaration import part, values
from rewriter.model.outputs import spare_given
from rewriter.options.groups import Rewriting
from rewriter.options.words import Functions
from rewriter.options.write import Batch, Carry, Rewrite, Steps
from rewriter.passes.base import Pass
from rewriter.passes.group import Group
from rewriter.passes.presets import standard_passes
from rewriter.passes.syntax import parse_passes
from rewriter.refusals import UnreadableModel, UsageError


def passes_of(steps: Steps) -> tuple[Pass, ...]:
    """The passes that plain options mean, or that are named.

    Raises:
        UsageError: options choose modules for functions that are not made, or name what `passes` names.
    """
    group = part(Group, steps)
    if steps.functions == Functions.NONE and group != Group():
        raise UsageError(
            "--depth, --only, --class, --kind, --op, --not and --repeated choose functions; add --functions "
            "shared or call"
        )
    plain = steps.functions != Functions.NONE or steps.restore_names or steps.layer_annotations
    if steps.passes is not None and plain:
        raise UsageError(
            "--passes names all that is done; leave out --functions, --restore-names and --layer-annotations"
        )
    if steps.passes is not None:
        return parse_passes(steps.passes)
    return standard_passes(
        Functions(steps.functions),
        group,
        restore_names=steps.restore_names,
        layer_annotations=steps.layer_annotations,
    )


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
