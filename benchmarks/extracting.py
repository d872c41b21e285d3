"""Extracts every module of every fixture, and splits every fixture between its repeated modules.

    python -m benchmarks.extracting               # all fixtures; writes the results
    python -m benchmarks.extracting FILE...       # these files

A module counts as equal if onnx's full checker accepts the piece, onnxruntime loads it, and it gives the
values of the whole model bit for bit, on the inputs recorded in a run of the whole. The whole runs once per
file. Both run without optimisations.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click

from benchmarks.reporting import environment, publish, table
from rewriter import pipeline
from rewriter.cutting.calls import calls_of
from rewriter.cutting.check import Check, Checking, check
from rewriter.cutting.extract import Extraction, Target, plan_extractions
from rewriter.cutting.split import At, plan_split
from rewriter.errors import CannotCut
from rewriter.modules.analysis import Analysis
from rewriter.modules.module import Module

FIXTURES = Path(__file__).parent.parent / "fixtures" / "exports"
CHECKING = Checking(sets=2)
EQUAL, RANDOM, SILENT = "equal", "random numbers", "not run"
NOTES = ("returning", "hoisted", "nodes left in the earlier part")


@dataclass(slots=True)
class Counted:
    """Results on some files.

    Attributes:
        counts: outcome -> number of cases.
        faults: cases that are not equal, one line each.
        refusals: reason -> number of cases.
        largest: the largest number of values that cross a cut.
    """

    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)
    largest: int = 0

    def add(self, name: str, verdicts: Sequence[Check]) -> None:
        """Count one request, by the worst verdict on its pieces."""
        kinds = [kind_of(verdict) for verdict in verdicts]
        worst = next((number for number, kind in enumerate(kinds) if kind != EQUAL), 0)
        self.counts[kinds[worst]] += 1
        if kinds[worst] != EQUAL:
            self.faults.append(f"{name}: {kinds[worst]}: {_said(verdicts[worst])}")

    def refuse(self, error: Exception) -> None:
        """Count one request that was refused."""
        reason = str(error).partition(": ")[2]
        self.counts["refused"] += 1
        self.refusals[reason] += 1


def extract_all(analysis: Analysis, found: Counted) -> None:
    """Extract every call of every module that owns a node."""
    wanted = [
        Target((module.path,), call)
        for module in analysis.tree
        if module.nodes
        for call in calls_of(analysis, module.path)
    ]
    batch = plan_extractions(analysis, wanted, CHECKING)
    pieces = [(each, one) for each, one in batch.found.items() if isinstance(one, Extraction)]
    checks = check(batch.whole, [one.piece for _, one in pieces], _folder(analysis), CHECKING)
    found.counts["modules"] += sum(bool(module.nodes) for module in analysis.tree)
    found.counts["asked"] += len(wanted)
    for one in batch.found.values():
        if not isinstance(one, Extraction):
            found.refuse(one)
    for (each, one), verdict in zip(pieces, checks, strict=True):
        found.counts["returning"] += bool(one.returning)
        found.counts["hoisted"] += one.hoisted
        found.add(f"{_name(analysis)} {each}", [verdict])


def split_all(analysis: Analysis, found: Counted) -> None:
    """In every row of repeated modules, cut once before each call except the first."""
    rows = list(repeated(analysis))
    found.counts["files"] += bool(rows)
    for row in rows:
        calls = [At(module.path, call) for module in row for call in calls_of(analysis, module.path)]
        for at in calls[1:]:
            found.counts["asked"] += 1
            try:
                planned = plan_split(analysis, [at], CHECKING)
            except CannotCut as error:
                found.refuse(error)
                continue
            found.largest = max(found.largest, planned.crossing[-1])
            found.counts["nodes left in the earlier part"] += sum(planned.left.values())
            checks = check(analysis.model, planned.parts, _folder(analysis), CHECKING, chain=True)
            found.add(f"{_name(analysis)} at {at}", checks)


def repeated(analysis: Analysis) -> Iterator[list[Module]]:
    """Yield rows of siblings whose names are numbers, and modules that are called several times."""
    for module in analysis.tree:
        row = [child for child in analysis.tree.children(module.path) if child.path.name.isdecimal()]
        row = [child for child in row if child.total_nodes]
        if len(row) > 1:
            yield row
        if module.calls > 1 and (module.parent is None or analysis.tree[module.parent].calls == 1):
            yield [module]


def _folder(analysis: Analysis) -> Path | None:
    return analysis.path.parent if analysis.path else None


def kind_of(verdict: Check) -> str:
    """Name the result of a check."""
    numeric = verdict.numeric
    assert numeric is not None
    if verdict.fault is not None:
        return "refused by the checker, as the whole is" if verdict.fault_of_whole else "not valid"
    if numeric.exact:
        return EQUAL
    if numeric.skipped is not None:
        return RANDOM if "random" in numeric.skipped else SILENT
    return "different"


def _said(verdict: Check) -> str:
    numeric = verdict.numeric
    assert numeric is not None
    return verdict.fault or numeric.skipped or numeric.error or f"{numeric.worst_output} {numeric.max_abs}"


def _name(analysis: Analysis) -> str:
    return f"{analysis.path.parent.name}/{analysis.path.stem}" if analysis.path else "model"


def report(taken: Counted, cuts: Counted, files: int, seconds: float) -> str:
    """Return the results as Markdown."""
    kinds = dict.fromkeys([EQUAL, *taken.counts, *cuts.counts])
    outcomes = [kind for kind in kinds if kind not in ("modules", "asked", "files", *NOTES)]
    sections = [
        "# Extracted modules and split models",
        f"    python -m benchmarks.extracting\n\n{environment()} {files} files, {seconds:.0f} s.",
        f"Extracted: {taken.counts['modules']} modules that own a node, {taken.counts['asked']} calls. "
        f"Split: {cuts.counts['files']} files with repeated modules, before each of these except the first.",
        table(
            ["outcome", "extracted", "split"],
            [[kind, taken.counts[kind], cuts.counts[kind]] for kind in ("asked", *outcomes)],
        ),
        f"- In {taken.counts['returning']} pieces a value leaves the module and comes back.\n"
        f"- {taken.counts['hoisted']} pieces are in bodies of If and Loop.\n"
        f"- At most {cuts.largest} values cross a cut; {cuts.counts[NOTES[2]]} nodes of a module after a cut "
        "stay in the part before it, which reads them too.",
    ]
    for title, counted in (("Extracted", taken), ("Split", cuts)):
        refused = [f"- {count} refused: {reason}" for reason, count in counted.refusals.most_common()]
        if lines := [*refused, *(f"- {fault}" for fault in counted.faults)]:
            sections.append(f"{title}, not equal:\n\n" + "\n".join(lines))
    return "\n\n".join(sections)


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, exists=True, dir_okay=False))
def main(files: tuple[Path, ...]) -> None:
    """Measure FILES; without FILES, measure all fixtures and write benchmarks/results/extracting.md."""
    taken, cuts = Counted(), Counted()
    start = time.perf_counter()
    paths = files or tuple(sorted(FIXTURES.glob("*/*.onnx")))
    for path in paths:
        analysis = pipeline.load(path)
        extract_all(analysis, taken)
        split_all(analysis, cuts)
        click.echo(f"{_name(analysis)} {time.perf_counter() - start:.1f} s", err=True)
    text = report(taken, cuts, len(paths), time.perf_counter() - start)
    if files:
        print(text)
    else:
        publish("extracting", text)


if __name__ == "__main__":
    main()
