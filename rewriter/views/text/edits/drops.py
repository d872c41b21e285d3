"""Prints what `drop` removed."""

from __future__ import annotations

from rich.console import Console

from rewriter.basics.display import counted, listed
from rewriter.edits.drop import DropOutcome
from rewriter.views.rewrite_report import Report
from rewriter.views.summary import head_phrases
from rewriter.views.text.edits.inlined import print_inlined
from rewriter.views.text.parts import flow
from rewriter.views.text.rewrite_report import print_removed, print_verification, written_phrase


def print_drop(report: Report, console: Console) -> None:
    """Print the removed parts by kind, the proof, and the written and removed files."""
    flow(console, head_phrases(report.before), "bold")
    print_inlined(console, made=report.analysis.grouped)
    found = report.outcome_of(DropOutcome)
    others = [f"{found.others:,} of them in no dropped module"] if found.others else []
    flow(console, [listed(found.modules), counted(found.nodes, "node"), *others], label="drop")
    for label, names in (
        ("outputs", found.interface.removed),
        ("inputs", found.interface.removed_inputs),
        ("weights", found.initializers),
        ("functions", found.functions),
    ):
        if names:
            flow(console, [f"{len(names):,} removed: {listed(names)}"], label=label)
    print_verification(report.verification, console)
    flow(console, [written_phrase(path) for path in report.outputs] or ["nothing"], label="written")
    print_removed(report.outputs, report.removed, console)
