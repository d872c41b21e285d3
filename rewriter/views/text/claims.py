"""Prints the claims on one node in a terminal."""

from __future__ import annotations

from rich.console import Console

from rewriter.basics.display import counted
from rewriter.evidence.claims import Claim, Source
from rewriter.model.index.graph import NONE
from rewriter.modules.analysis import Analysis
from rewriter.views.coverage import source_words, would_help
from rewriter.views.escape import as_text, shorten, shown_path
from rewriter.views.text.parts import flow, signs

_DETAIL = 100
"""Maximum number of characters of a claim's source text, which may be a whole stack trace."""
_LISTED = 4


def print_claims(analysis: Analysis, node: int, console: Console) -> None:
    """Print the placement of a node and all claims on it.

    Args:
        analysis: the model.
        node: number of the node in the GraphIndex.
        console: the console.

    Raises:
        IndexError: there is no node with this number.
    """
    proto = analysis.graph.nodes[node]
    name = as_text(proto.name) or f"(no name, node {node})"
    domain = as_text(proto.domain)
    flow(console, [name], "bold")
    flow(console, [f"{domain}::{as_text(proto.op_type)}" if domain else as_text(proto.op_type)], label="op")
    flow(console, [as_text(output) or "(left out)" for output in proto.output] or ["none"], label="outputs")
    _print_placement(analysis, node, console)
    for number, claim in enumerate(analysis.claims[node]):
        _print_claim(claim, console, first=not number, won=_won(analysis, node, number))
    if analysis.tree.placements[node] is None:
        for number, tried in enumerate(_tried(analysis, node)):
            flow(console, [tried], label="" if number else "tried")
        flow(console, [would_help(analysis.model)], "dim", label="")


def _won(analysis: Analysis, node: int, number: int) -> bool:
    return number == 0 and analysis.tree.placements[node] is not None


def _print_placement(analysis: Analysis, node: int, console: Console) -> None:
    placement = analysis.tree.placements[node]
    if placement is None:
        flow(console, ["not placed: no evidence names a module"], "yellow", label="module")
        return
    module = analysis.tree.modules.get(placement.module)
    flow(console, [shown_path(placement.module)], "green", label="module")
    flow(console, [(module.class_name if module else None) or "unknown"], label="class")
    flow(console, [f"{placement.call + 1} of {module.calls if module else placement.call + 1}"], label="call")
    flow(console, [source_words(placement.source)], label="evidence")
    rule = analysis.claims[node][0].by_rule
    flow(console, [placement.certainty, rule], label="certainty")
    if placement.conflicting:
        flow(console, [*map(shown_path, placement.conflicting)], "yellow", label="conflict")


def _print_claim(claim: Claim, console: Console, *, first: bool, won: bool) -> None:
    mark = signs(console)
    phrases = [f"{mark.yes if won else ' '} {source_words(claim.source)}: {shown_path(claim.module)}"]
    phrases += [claim.class_name] if claim.class_name else []
    phrases += [f"call {claim.call + 1}"] if claim.call is not None else []
    phrases += [f"read from {shorten(as_text(claim.detail), _DETAIL, mark.dots)}"] if claim.detail else []
    flow(console, phrases, "" if won else "dim", label="claims" if first else "")


def _tried(analysis: Analysis, node: int) -> list[str]:
    """Describe the text or values that five of the witnesses looked at, without those that claim the node."""
    graph = analysis.graph
    proto = graph.nodes[node]
    said = {claim.source for claim in analysis.claims[node]}
    keys = [as_text(entry.key) for entry in proto.metadata_props]
    outputs = [as_text(name) for name in proto.output if name]
    weights = [
        as_text(graph.value_names[value]) for value in graph.reads[node] if value in graph.initializers
    ]
    readers = {reader for value in graph.writes[node] if value != NONE for reader in graph.readers[value]}
    placed = sum(analysis.tree.placements[reader] is not None for reader in readers)
    found = {
        Source.EXPORTER: f"metadata: {_list(keys)}",
        Source.SCOPE_NAME: f"its name: {as_text(proto.name) or 'none'}",
        Source.VALUE_NAME: f"names of its outputs: {_list(outputs)}",
        Source.PARAMETER: f"initializers it reads: {_list(weights)}",
        Source.DATAFLOW: f"{counted(len(readers), 'node')} that read its results, {placed:,} of them placed",
    }
    return [text for source, text in found.items() if source not in said]


def _list(names: list[str]) -> str:
    more = f" and {len(names) - _LISTED:,} more" if len(names) > _LISTED else ""
    return (", ".join(names[:_LISTED]) or "none") + more
