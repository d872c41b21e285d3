"""`rewriter rewrite M -o O`."""

from __future__ import annotations

from pathlib import Path

import click

from rewriter import pipeline
from rewriter.batch.request import Request
from rewriter.cli.common import MODEL, progress, show_report
from rewriter.cli.rewriting import rewrite_options
from rewriter.model.outputs import spare_given
from rewriter.refusals import UnreadableModel


@click.command("rewrite")
@click.argument("model", type=MODEL)
@click.option("-o", "--output", type=MODEL, help="The file to write; needed unless --dry-run.")
@rewrite_options()
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def command(model: Path, output: Path | None, request: Request, as_json: bool) -> None:
    """Write the module tree of MODEL into a copy of it, and prove that nothing else changed.

    \b
      rewriter rewrite bert.onnx -o bert.tree.onnx
      rewriter rewrite bert.onnx -o bert.tree.onnx --restore-names --min-coverage 95
      rewriter rewrite bert.onnx -o bert.functions.onnx --functions shared
      rewriter rewrite bert.onnx -o bert.calls.onnx --functions call --class BertLayer
      rewriter rewrite bert.onnx -o bert.layers.onnx -p 'annotate,unshare,group{depth=2},share'
      rewriter rewrite bert.fused.onnx -o bert.tree.onnx --like bert.onnx
      rewriter rewrite bert.onnx --dry-run --json
    """
    rewrite_and_show(model, output, request, as_json=as_json)


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
