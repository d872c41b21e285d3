"""Prints the comparison of a model's witnesses in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from rewriter.views.text.parts import flow
from rewriter.views.witness_agreement import VERDICTS, Comparison, WitnessRow


def print_sources(comparison: Comparison, console: Console) -> None:
    """Print for each witness the shares of claimed and kept nodes, and the agreement with other witnesses.

    With a truth, the table shows the verdicts; without one, the numbers of parameters and classes.
    """
    judged = any(row.verdicts for row in comparison.rows)
    table = _table("witness", ("nodes", "kept", *(VERDICTS if judged else ("params", "classes")), "seconds"))
    for row in comparison.rows:
        table.add_row(*_cells(row, comparison.nodes, judged=judged))
    console.print(table)
    if comparison.agreement:
        console.print()
        console.print(_agreement(comparison))
        console.print()
    flow(console, ["nodes: share that it claims", "kept: share of these placed as claimed"], "dim")
    if any(row.witness == "dataflow" for row in comparison.rows):
        flow(console, ["dataflow places the remaining nodes, from the placements of their neighbours"], "dim")


def _table(first: str, titles: Sequence[str]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column(first, no_wrap=True)
    for title in titles:
        table.add_column(title, justify="right", no_wrap=True)
    return table


def _cells(row: WitnessRow, nodes: int, *, judged: bool) -> list[str]:
    known = sum(row.verdicts.values())
    told = (f"{row.parameters:,}" if row.parameters else "", f"{row.classes:,}" if row.classes else "")
    return [
        row.witness,
        _percent(row.claimed, nodes),
        _percent(row.agreeing, row.claimed),
        *((_percent(row.verdicts.get(verdict, 0), known) for verdict in VERDICTS) if judged else told),
        f"{row.seconds:.3f}",
    ]


def _agreement(comparison: Comparison) -> Table:
    names = list(dict.fromkeys(name for pair in comparison.agreement for name in pair))
    table = _table("agreement", names[1:])
    for number, one in enumerate(names[:-1]):
        pairs = [comparison.agreement.get((one, other), (0, 0)) for other in names[1:]]
        shares = (_percent(same, both) if at >= number else "" for at, (both, same) in enumerate(pairs))
        table.add_row(one, *shares)
    return table


def _percent(part: int, whole: int) -> str:
    """Format a share with one decimal; only an exact 0 or 1 becomes 0% or 100%; `-` if `whole` is 0."""
    if not whole:
        return "-"
    return f"{part // whole:.0%}" if part in (0, whole) else f"{min(max(100 * part / whole, 0.1), 99.9):.1f}%"
