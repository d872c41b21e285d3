"""`rewriter stats M`."""

from __future__ import annotations

from rewriter import pipeline
from rewriter.cli.common import given_of, progress, show
from rewriter.cli.dimensions import read_sizes
from rewriter.insight.stats import collect
from rewriter.options.look import StatsOptions
from rewriter.views.json.stats import stats_json
from rewriter.views.text.stats import print_stats


def run(options: StatsOptions) -> None:
    """Print operators, parameters, shapes and FLOPs by module."""
    sizes = read_sizes(options.dims)
    with progress() as tell:
        analysis = pipeline.load(options.model, given_of(options))
        shown = {module.path for module in options.selection.modules(analysis)}
        tell("shapes")
        stats = collect(analysis, sizes)
    show(options, lambda: stats_json(stats, shown), lambda console: print_stats(stats, console, shown))
