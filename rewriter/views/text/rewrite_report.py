"""Prints the report of a rewrite, and a verification, in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from rewriter.model.storage.sidecar_path import sidecar_path
from rewriter.refusals import Refusal
from rewriter.verdict.phrases import proof_phrases
from rewriter.verdict.verification import Verdict, Verification
from rewriter.views.coverage import coverage_phrases
from rewriter.views.rewrite_report import PassRecord, Report
from rewriter.views.summary import figure_phrases, head_phrases
from rewriter.views.text.parts import flow, signs

_MOST_SHOWN = 5


def print_report(report: Report, console: Console) -> None:
    """Print a report: placements, changes, refusals, differing bodies, verification, files, and times.

    The first two entries describe the source file. An entry `result` has the figures and the placements of
    the result, as far as these differ from those of the source file.
    """
    flow(console, head_phrases(report.before), "bold")
    flow(console, coverage_phrases(report.analysis.tree), label="tree")
    for note in report.analysis.notes:
        flow(console, [note], label="")
    for number, record in enumerate(report.passes):
        flow(console, _changes(record), label="" if number else "passes")
    result = figure_phrases(report.after) if report.after != report.before else []
    placed = coverage_phrases(report.tree)
    if placed != coverage_phrases(report.analysis.tree):
        result += placed
    if result:
        flow(console, result, label="result")
    print_refusals(report.refusals, console)
    differences = _differences(report)
    bodies = "body" if len(differences) == 1 else "bodies"
    _print_list("differ", f"{bodies} that could not share a function", differences, console)
    print_verification(report.verification, console)
    written = [written_phrase(path) for path in report.outputs]
    flow(console, written or ["nothing"], label="written")
    print_removed(report.outputs, report.removed, console)
    if report.seconds:
        total = sum(report.seconds.values())
        stations = [f"{station} {seconds:.2f} s" for station, seconds in report.seconds.items()]
        flow(console, [*stations, f"{total:.2f} s in all"], "dim", label="took")


def print_verification(verification: Verification, console: Console) -> None:
    """Print a verification: verdict, certificate and numbers."""
    phrases = proof_phrases(verification)
    complete = verification.missing is None
    sign, style = verdict_sign(verification.verdict if complete else Verdict.NOT_PROVED, console)
    flow(console, [f"{sign} {phrases[0]}", *phrases[1:]], style, label="proof")


def print_removed(outputs: Sequence[Path], removed: Sequence[Path], console: Console) -> None:
    """Print the removed files of models that the outputs replaced."""
    sidecars = {sidecar_path(output) for output in outputs}
    described = "the sidecar of the model that was there"
    unused = "a copy of data that nothing refers to any more"
    if removed:
        gone = [f"{path}, {described if path in sidecars else unused}" for path in removed]
        flow(console, gone, label="removed")


def verdict_sign(verdict: Verdict, console: Console) -> tuple[str, str]:
    """Return the sign of a verdict and its style."""
    mark = signs(console)
    match verdict:
        case Verdict.EQUAL | Verdict.ROUNDED:
            return mark.yes, "green"
        case Verdict.DIFFERENT:
            return mark.no, "bold red"
    return mark.unknown, "yellow"


def _changes(record: PassRecord) -> list[str]:
    changes = [_change(count, what) for what, count in record.changes.items() if count]
    return (
        [f"{record.name}: {changes[0]}", *changes[1:]] if changes else [f"{record.name}: nothing to change"]
    )


def _change(count: int, what: str) -> str:
    """Format a number of changes: `2 nodes moved`, `1 node moved`."""
    noun, space, rest = what.partition(" ")
    return f"{count:,} {noun.removesuffix('s') if count == 1 else noun}{space}{rest}"


def print_refusals(refusals: tuple[Refusal, ...], console: Console) -> None:
    """Print the number of refusals and the first few of them; nothing without refusals."""
    _print_list("refused", "not done", [str(refusal) for refusal in refusals], console)


def _differences(report: Report) -> list[str]:
    return [str(difference) for record in report.passes for difference in record.outcome.differences]


def _print_list(label: str, what: str, entries: Sequence[str], console: Console) -> None:
    """Print the number of entries and the first few of them; nothing for an empty list."""
    if not entries:
        return
    shown = entries if len(entries) == _MOST_SHOWN + 1 else entries[:_MOST_SHOWN]
    flow(console, [f"{len(entries):,} {what}"], "yellow", label=label)
    for entry in shown:
        flow(console, [entry], label="")
    if len(shown) < len(entries):
        flow(console, [f"and {len(entries) - len(shown):,} more"], "dim", label="")


def _size(count: int) -> str:
    """Format a number of bytes in decimal units."""
    size = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if size < 999.5:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 99.95 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def written_phrase(path: Path) -> str:
    """Describe a written file by its path and size, or its path if the file is gone since."""
    try:
        return f"{path} ({_size(path.stat().st_size)})"
    except OSError:
        return f"{path} (gone since)"
