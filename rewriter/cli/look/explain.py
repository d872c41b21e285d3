"""`rewriter explain M NODE`."""

from __future__ import annotations

from rewriter.cli.common import analysed, emit_json, stdout
from rewriter.insight.explanation import explain
from rewriter.options.look import ExplainOptions
from rewriter.views.json import explain_json
from rewriter.views.text.claims import print_claims


def run(options: ExplainOptions) -> None:
    """Print all claims on the nodes that the argument names."""
    analysis = analysed(options.model, options)
    found = explain(analysis, options.node)
    if options.as_json:
        emit_json(explain_json(analysis, found.nodes))
        return
    console = stdout()
    for number in found.nodes:
        print_claims(analysis, number, console)
