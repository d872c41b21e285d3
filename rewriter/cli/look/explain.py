"""`rewriter explain M NAME`."""

from __future__ import annotations

from rewriter.cli.common import analysed, emit_json, stdout
from rewriter.insight.lookup.explanation import explain
from rewriter.options.look import ExplainOptions
from rewriter.views.json import explain_json
from rewriter.views.text.explanation import print_explanation


def run(options: ExplainOptions) -> None:
    """Explain the node, value, weight or module that the argument names."""
    found = explain(analysed(options.model, options), options.name, options.as_)
    if options.as_json:
        emit_json(explain_json(found))
        return
    print_explanation(found, stdout())
