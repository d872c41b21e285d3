"""`rewriter stats M`."""

from __future__ import annotations

from pathlib import Path

import click

from rewriter import pipeline
from rewriter.cli.common import MODEL, emit_json, given_options, progress, stdout
from rewriter.cli.selecting import read_sizes, selection_options, sizes_option
from rewriter.evidence.given import Given
from rewriter.insight.stats import collect
from rewriter.modules.selection import Selection
from rewriter.views.stats_json import stats_json
from rewriter.views.text.stats import print_stats


@click.command("stats")
@click.argument("model", type=MODEL)
@selection_options
@sizes_option
@given_options
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def command(model: Path, selection: Selection, dims: tuple[str, ...], given: Given, as_json: bool) -> None:
    """Show the numbers behind the module tree of MODEL: operators, parameters, shapes and FLOPs.

    PATTERNS and the other choices name the modules to list; the numbers above the list are the model's.

    \b
      rewriter stats bert.onnx --depth 3
      rewriter stats bert.onnx 'encoder.layer.0.**' --dim batch=1 --dim sequence=128
      rewriter stats bert.onnx --json | jq '.modules[] | {path, flops}'
    """
    sizes = read_sizes(dims)
    with progress() as tell:
        analysis = pipeline.load(model, given)
        shown = {module.path for module in selection.modules(analysis)}
        tell("shapes")
        stats = collect(analysis, sizes)
    if as_json:
        emit_json(stats_json(stats, shown))
    else:
        print_stats(stats, stdout(), shown)
