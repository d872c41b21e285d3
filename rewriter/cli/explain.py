"""`rewriter explain M NODE`."""

from __future__ import annotations

from collections.abc import Iterator

from rewriter.cli.common import analysed, emit_json, stdout
from rewriter.model.graph import NONE, GraphIndex
from rewriter.nearest import fits_nothing
from rewriter.options.look import Explain
from rewriter.refusals import UsageError
from rewriter.views.json import explain_json
from rewriter.views.text.claims import print_claims

_LISTING = "'rewriter tree --json'"


def run(options: Explain) -> None:
    """Print all claims on one node."""
    model, node = options.model, options.node
    analysis = analysed(model, options)
    numbers = _find(analysis.graph, node)
    if not numbers:
        raise UsageError(f"{model}: {fits_nothing('node', node, _names(analysis.graph), where=_LISTING)}")
    if options.as_json:
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
