"""Measures the precision of every rule by which witnesses place nodes.

    python -m benchmarks.certainty > benchmarks/results/certainty.md        # the fixtures
    python -m benchmarks.certainty --set fixtures=fixtures/exports --set new=FOLDER --set held=FOLDER
    python -m benchmarks.certainty --details "between"                      # nodes that a rule got wrong

A set is a folder with exports as `fixtures/making.py` makes them. Each file is read as exported, without the
names and metadata of a quarter of its nodes, without any metadata, with the names of weights alone, and as
written by onnxslim, onnxsim and onnxruntime (basic optimisations, all of them, dynamic quantisation).

Only nodes whose true module is known for certain count: those that are in the export under the same name.
Nodes that a tool made are counted apart, if rules of `--like` map them to nodes of one module alone; in 1 %
of these cases the names that the tool gave contradict the rules. Three fixtures are left out: they have
modules that no reader of a TorchScript file can find, see docs/accuracy.md.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import onnx

from benchmarks.damage import FIXTURES
from benchmarks.stripped import STRIPPED
from benchmarks.tools import Workshop
from rewriter import pipeline
from rewriter.errors import UnreadableModel
from rewriter.evidence.certainty import Certainty, PlacementRule
from rewriter.evidence.original.node_origins import Descent
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.modules.analysis import Analysis
from rewriter.paths import ModulePath

TOOLS = ("onnxslim", "onnxsim", "ort basic", "ort all", "quantize_dynamic")
LEFT_OUT = frozenset({"module_dict", "called_from_elsewhere", "scripted_calls"})
"""Fixtures with modules that leave no trace in a TorchScript file."""
Truth = list[ModulePath | None]


@dataclass(frozen=True, slots=True)
class Export:
    """One exported file, the true module of each node, and the aliases of modules."""

    path: Path
    truth: Truth
    alias: dict[str, str]


@dataclass(frozen=True, slots=True)
class Form:
    """One form of an export: its analysis, the true module of each node, and whether a node is new."""

    name: str
    analysis: Analysis
    truth: Truth
    new: list[bool]


def exports(folder: Path) -> Iterator[Export]:
    """Yield the exports below a folder."""
    for path in sorted(folder.rglob("truth.json")):
        if path.parent.name in LEFT_OUT:
            continue
        told = json.loads(path.read_text("utf-8"))
        alias = {name: m["path"] for m in told["modules"] for name in (m["path"], *m.get("aliases", ()))}
        for variant, facts in told["files"].items():
            file = path.parent / f"{variant}.onnx"
            nodes = onnx.load(file, load_external_data=False)
            truth = [_true(node, facts["nodes"], alias) for node in GraphIndex(nodes).nodes]
            yield Export(file, truth, alias)


def _true(
    node: onnx.NodeProto, known: dict[str, tuple[str, int, str]], alias: dict[str, str]
) -> ModulePath | None:
    """Return the module of a node; None if it is not known."""
    path = known[node.name][0] if node.name in known else None
    return None if path is None else ModulePath(alias.get(path, path))


def forms(export: Export, workshop: Workshop) -> Iterator[Form]:
    """Yield the forms of an export that can be made and read."""
    for name, strip in STRIPPED.items():
        model = onnx.load(export.path, load_external_data=False)
        strip(model)
        yield Form(name, pipeline.load(model), export.truth, [False] * len(export.truth))
    original = GraphIndex(onnx.load(export.path, load_external_data=False))
    for tool in TOOLS:
        made = workshop.damage(export.path, tool)
        if isinstance(made, Path):
            try:
                analysis = pipeline.load(made)
            except UnreadableModel:
                continue
            descent = Descent(original, analysis.graph)
            new = [same == NONE for same in descent.same]
            yield Form(tool, analysis, _inherited(descent, export.truth), new)


def _inherited(descent: Descent, truth: Truth) -> Truth:
    """Return the truth of a tool's output; None for nodes that stand for nodes of several modules."""
    places = [{truth[origin] for origin in origins} for origins in descent.origins]
    return [found.pop() if len(found) == 1 else None for found in places]


class Counts:
    """Verdicts by set of exports, source, rule, and whether the nodes are new."""

    def __init__(self, details: str | None = None) -> None:
        self.details = details
        self.verdicts: dict[tuple[str, str, PlacementRule, bool], Counter[str]] = {}
        self.files: Counter[str] = Counter()

    def add(self, of: str, export: Export, form: Form) -> None:
        """Count the placed nodes of a form."""
        self.files[of] += 1
        placements = form.analysis.tree.placements
        for node, (place, true) in enumerate(zip(placements, form.truth, strict=True)):
            if place is None or true is None:
                continue
            claim = form.analysis.claims[node][0]
            module = ModulePath(export.alias.get(place.module, place.module))
            verdict = "exact" if module == true else "ancestor" if module.holds(true) else "wrong"
            key = (of, str(place.source), claim.by_rule, form.new[node])
            self.verdicts.setdefault(key, Counter())[verdict] += 1
            if self.details is not None and self.details in claim.by_rule and verdict != "exact":
                proto = form.analysis.graph.nodes[node]
                where = f"{export.path.parent.name}/{export.path.stem} {form.name}"
                told = f"{proto.op_type} {proto.name!r}: {module!r}, truly {true!r}"
                print(verdict, where, place.source, claim.by_rule, told, sep="\t", file=sys.stderr)

    def by_rule(self, sets: Sequence[str], *, new: bool) -> Iterator[str]:
        """Yield the rows of the table of rules."""
        rules = {(source, rule) for _, source, rule, made in self.verdicts if made == new}
        order = [*Certainty]
        for source, rule in sorted(
            rules, key=lambda r: (order.index(r[1].certainty), [*PlacementRule].index(r[1]))
        ):
            cells = [_cell(self.verdicts.get((of, source, rule, new), Counter())) for of in sets]
            yield _row(rule.certainty, rule, source.replace("_", " "), *cells)

    def by_certainty(self, sets: Sequence[str]) -> Iterator[str]:
        """Yield the rows of the table of certainties, without new nodes."""
        for certainty in Certainty:
            totals = {of: Counter[str]() for of in sets}
            for (of, _, rule, new), verdicts in self.verdicts.items():
                if rule.certainty is certainty and not new:
                    totals[of] += verdicts
            yield _row(certainty, *(_cell(totals[of]) for of in sets))


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(verdicts: Counter[str]) -> str:
    """Return nodes, and the shares of those in the right module and in it or an ancestor."""
    if not (total := sum(verdicts.values())):
        return "-"
    exact, within = verdicts["exact"], verdicts["exact"] + verdicts["ancestor"]
    return f"{_percent(exact, total)} / {_percent(within, total)} of {total:,}"


def _percent(part: int, whole: int) -> str:
    return "100" if part == whole else f"{min(100 * part / whole, 99.99):.2f}"


def _print(counts: Counts, sets: Sequence[str]) -> None:
    titles = [f"{of} ({counts.files[of]:,} files)" for of in sets]
    for head, rows in (
        (("certainty", *titles), counts.by_certainty(sets)),
        (("certainty", "rule", "witness", *titles), counts.by_rule(sets, new=False)),
        (
            ("certainty", "rule, for nodes that a tool made", "witness", *titles),
            counts.by_rule(sets, new=True),
        ),
    ):
        print(_row(*head), _row(*("---" for _ in head)), *rows, "", sep="\n")


@click.command()
@click.option("--set", "given", multiple=True, metavar="NAME=FOLDER", help="A set; default: the fixtures.")
@click.option("--details", help="List the nodes that rules with this text got wrong on stderr.")
@click.option(
    "--cache",
    type=click.Path(path_type=Path),
    default=Path(tempfile.gettempdir()) / "rewriter-damage",
    help="Folder that keeps the files that tools wrote.",
)
@click.option("--timeout", default=120.0, help="Seconds for one tool on one file.")
def main(given: tuple[str, ...], details: str | None, cache: Path, timeout: float) -> None:
    """Print the shares of nodes in the right module, and in it or an ancestor, by certainty and rule."""
    folders = {name: Path(folder) for name, _, folder in (each.partition("=") for each in given)}
    folders = folders or {"fixtures": FIXTURES}
    counts, workshop = Counts(details), Workshop(cache, timeout)
    for name, folder in folders.items():
        for export in exports(folder):
            for form in forms(export, workshop):
                counts.add(name, export, form)
    _print(counts, [*folders])


if __name__ == "__main__":
    main()
