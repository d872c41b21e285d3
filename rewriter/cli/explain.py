"""`rewriter explain M NODE`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from rewriter import pipeline
from rewriter.beside import with_config
from rewriter.cli import completing
from rewriter.cli.common import MODEL, config_option, emit_json, given_options, stdout
from rewriter.evidence.given import Given
from rewriter.model.graph import NONE, GraphIndex
from rewriter.nearest import fits_nothing
from rewriter.refusals import UsageError
from rewriter.views.json import explain_json
from rewriter.views.text.claims import print_claims

_LISTING = "'rewriter tree --json'"


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
    numbers = _find(analysis.graph, node)
    if not numbers:
        raise UsageError(f"{model}: {fits_nothing('node', node, _names(analysis.graph), where=_LISTING)}")
    if as_json:
        emit_json(explain_json(analysis, numbers))
        return
    console = stdout()
    for number in numbers:
        print_claims(analysis, number, console)


def _names(graph: GraphIndex) -> Iterator[str]:
    """What nodes are called, then the values that they write."""
    yield from graph.names
    yield from (graph.value_names[value] for outputs in graph.writes for value in outputs if value != NONE)


def _find(graph: GraphIndex, name: str) -> list[int]:
    """Nodes of that name (in different bodies there may be several), else the node that writes that value."""
    named = [number for number, own in enumerate(graph.names) if own == name]
    if named or not name:
        return named
    return [
        graph.producer[v]
        for v, text in enumerate(graph.value_names)
        if text == name and graph.producer[v] != NONE
    ]
