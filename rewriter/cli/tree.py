"""`rewriter tree M`."""

from __future__ import annotations

from pathlib import Path

import click

from rewriter import pipeline
from rewriter.cli.common import MODEL, emit_json, given_options, stdout
from rewriter.evidence.given import Given
from rewriter.views.json import tree_json
from rewriter.views.text.tree import print_tree


@click.command("tree")
@click.argument("model", type=MODEL)
@click.option("--depth", type=click.IntRange(min=0), help="Show modules down to this depth.")
@click.option(
    "--only", metavar="GLOB", help="Show the modules that fit, such as 'encoder.layer.*.attention'."
)
@given_options
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON instead.")
def command(model: Path, depth: int | None, only: str | None, given: Given, as_json: bool) -> None:
    """Show the module tree of MODEL: paths, classes, nodes, parameters and shares.

    \b
      rewriter tree bert.onnx --depth 3
      rewriter tree bert.onnx --only 'encoder.layer.*.attention'
      rewriter tree bert.onnx --reference config.json --checkpoint model.safetensors
      rewriter tree bert.onnx --json | jq '.modules[] | select(.leaf)'
    """
    analysis = pipeline.load(model, given)
    if as_json:
        emit_json(tree_json(analysis))
    else:
        print_tree(analysis, stdout(), depth=depth, only=only)
