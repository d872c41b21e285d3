"""`rewriter explain M NODE`."""

from __future__ import annotations

from pathlib import Path

import click

from rewriter import pipeline
from rewriter.beside import with_config
from rewriter.cli import completing
from rewriter.cli.common import MODEL, config_option, emit_json, given_options, stdout
from rewriter.evidence.given import Given
from rewriter.insight.explanation import explain
from rewriter.views.json import explain_json
from rewriter.views.text.claims import print_claims


@click.command("explain")
@click.argument("model", type=MODEL)
@click.argument("node", shell_complete=completing.nodes)
@given_options
@config_option()
@click.option("--json", "as_json", is_flag=True, help="Print the claims as JSON.")
def command(model: Path, node: str, given: Given, config: bool, as_json: bool) -> None:
    """Show every claim on NODE of MODEL, and why the winner won.

    NODE is the name of a node, or of a value that it writes.

    \b
      rewriter explain bert.onnx /encoder/layer.0/attention/self/MatMul
      rewriter explain bert.quantised.onnx /encoder/layer.0/attention/self/MatMul --like bert.onnx
    """
    analysis = pipeline.load(model, with_config(given, model) if config else given)
    found = explain(analysis, node)
    if as_json:
        emit_json(explain_json(analysis, found.nodes))
        return
    console = stdout()
    for number in found.nodes:
        print_claims(analysis, number, console)
