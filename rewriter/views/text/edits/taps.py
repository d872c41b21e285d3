"""Prints the outputs that `tap` added."""

from __future__ import annotations

from rich.console import Console

from rewriter.edits.tap import TapOutcome
from rewriter.views.rewrite_report import Report
from rewriter.views.summary import head_phrases
from rewriter.views.text.cutting import typed
from rewriter.views.text.edits.inlined import print_inlined
from rewriter.views.text.parts import flow
from rewriter.views.text.rewrite_report import (
    print_refusals,
    print_removed,
    print_verification,
    written_phrase,
)

_MOST_SHOWN = 20
_RUNS = {
    "branch": "no elements unless its branch runs",
    "last": "last iteration",
    "stacked": "all iterations",
}


def print_taps(report: Report, console: Console) -> None:
    """Print the new outputs with their types, refusals, the proof, and the written and removed files."""
    flow(console, head_phrases(report.before), "bold")
    print_inlined(console, made=report.analysis.grouped)
    taps = report.outcome_of(TapOutcome).taps
    infos = {info.name: info for info in report.analysis.model.graph.output}
    for number, tap in enumerate(taps[:_MOST_SHOWN]):
        flow(
            console,
            [typed(infos[tap.output]), *map(_RUNS.__getitem__, tap.runs)],
            label="" if number else "tap",
        )
    if len(taps) > _MOST_SHOWN:
        flow(console, [f"and {len(taps) - _MOST_SHOWN:,} more; --json lists them"], label="")
    print_refusals(report.refusals, console)
    print_verification(report.verification, console)
    flow(console, [written_phrase(path) for path in report.outputs] or ["nothing"], label="written")
    print_removed(report.outputs, report.removed, console)
