"""Prints the nodes with conflicting evidence in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from rewriter.basics.display import counted
from rewriter.insight.conflicts import Conflict, Conflicts
from rewriter.paths import ModulePath
from rewriter.views.coverage import source_words
from rewriter.views.escape import as_text, shown_path
from rewriter.views.text.parts import flow


def print_conflicts(conflicts: Conflicts, console: Console) -> None:
    """Print each node with its module and with the modules that other witnesses name."""
    if not conflicts.found:
        flow(console, ["no conflicts"])
        return
    flow(console, [f"{counted(len(conflicts.found), 'node')} with conflicting evidence"], "bold")
    for conflict in conflicts.found:
        name = as_text(conflicts.analysis.graph.nodes[conflict.node].name)
        console.print()
        flow(console, [name or f"(no name, node {conflict.node})"])
        flow(console, [_placed(conflict)], "green", label="module")
        others = [_by(path, witnesses) for path, witnesses in conflict.others.items()]
        flow(console, others, "yellow", label="conflict")


def _placed(conflict: Conflict) -> str:
    placement = conflict.placement
    return f"{_by(placement.module, [placement.source])} ({placement.certainty})"


def _by(module: ModulePath, witnesses: Sequence[str]) -> str:
    return f"{shown_path(module)} by {' and '.join(map(source_words, witnesses))}"
