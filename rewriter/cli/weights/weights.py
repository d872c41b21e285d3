"""`rewriter weights M [-o O]`."""

from __future__ import annotations

from rewriter import pipeline
from rewriter.checkpoints.weight_map import weights
from rewriter.cli.common import given_of, progress, show
from rewriter.options.weights import WeightsOptions
from rewriter.views.json.edits.weights import weights_json
from rewriter.views.text.edits.weights import print_weights


def run(options: WeightsOptions) -> None:
    """Print the map of the state dict, and write the state dict."""
    with progress() as tell:
        analysis = pipeline.load(options.model, given_of(options, options.output))
        tell("weights")
        found = weights(analysis, options.output)
    show(options, lambda: weights_json(found), lambda console: print_weights(found, console))
