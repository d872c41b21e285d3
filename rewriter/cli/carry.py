"""`rewriter carry ORIGINAL M -o O`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from rewriter.batch.request import Request
from rewriter.cli.common import MODEL
from rewriter.cli.rewrite import rewrite_and_show
from rewriter.cli.rewriting import rewrite_options


@click.command("carry")
@click.argument("original", type=MODEL)
@click.argument("model", type=MODEL)
@click.option("-o", "--output", type=MODEL, help="The file to write; needed unless --dry-run.")
@rewrite_options(like=False)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def command(original: Path, model: Path, output: Path | None, request: Request, as_json: bool) -> None:
    """Write the tree of ORIGINAL into MODEL, which another tool made of it, and prove nothing else changed.

    ORIGINAL is the model before the other tool, or the sidecar (.modules.json) that was written with it.
    The short form of `rewriter rewrite MODEL --like ORIGINAL -o OUTPUT`.

    \b
      rewriter carry bert.tree.modules.json bert.int8.onnx -o bert.int8.tree.onnx
      rewriter carry bert.onnx bert.fused.onnx -o bert.fused.tree.onnx --min-coverage 95
    """
    rewrite_and_show(model, output, replace(request, like=str(original)), as_json=as_json)
