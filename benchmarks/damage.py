"""Measures the share of the tree that is found in files written by another tool.

    python -m benchmarks.damage                    # the fixtures, all tools; takes long
    python -m benchmarks.damage --quick            # every eighth fixture
    python -m benchmarks.damage FOLDER... --tool onnxslim --tool "ort all" --details

Each file is damaged as exported, and as written by `rewrite --restore-names`. It is read in three ways:
alone, `--like` the original, and, if it was annotated before the damage, alone. Truth is carried over from
the original (`evidence.original.node_origins`). It is exact for every node that kept its name or the name of
its value; for other nodes it follows the rules of `--like`, so that `like` is no independent figure for fused
nodes. Nodes without truth are not counted. `ancestor` is a module that contains the true one, the root
included. The figure in brackets is the share of nodes whose true module is named anywhere in the file: it
limits the share of `exact`.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import onnx

from benchmarks.tools import TOOLS, Workshop
from rewriter import pipeline
from rewriter.errors import DoesNotFit, UnreadableModel
from rewriter.evidence.original.node_origins import Descent
from rewriter.evidence.original.witness import Like
from rewriter.evidence.side_inputs import NOTHING, Given
from rewriter.model.index.graph import GraphIndex
from rewriter.modules.analysis import Analysis
from rewriter.passes.registry.presets import standard_passes
from rewriter.paths import ModulePath, common_ancestor

FIXTURES = Path(__file__).parent.parent / "fixtures" / "exports"
WAYS = ("alone", "like", "annotated")
VERDICTS = ("exact", "ancestor", "wrong", "unplaced")


@dataclass(frozen=True, slots=True)
class Case:
    """One exported file: its path, its truth by node, and the aliases of modules."""

    path: Path
    truth: list[ModulePath | None]
    alias: dict[str, str]


def cases(folders: tuple[Path, ...], variants: tuple[str, ...], every: int) -> Iterator[Case]:
    """Yield the exports below folders, with the truth of their nodes."""
    found = [path for folder in folders for path in sorted(folder.rglob("truth.json"))]
    for path in found[::every]:
        truth = json.loads(path.read_text("utf-8"))
        alias = {name: m["path"] for m in truth["modules"] for name in (m["path"], *m.get("aliases", ()))}
        for variant in variants:
            if variant in truth["files"]:
                file = path.parent / f"{variant}.onnx"
                yield Case(file, _truth(file, truth["files"][variant], alias), alias)


def _truth(path: Path, file: dict[str, Any], alias: dict[str, str]) -> list[ModulePath | None]:
    model = onnx.load(path, load_external_data=False)
    known = {name: ModulePath(alias.get(entry[0], entry[0])) for name, entry in file["nodes"].items()}
    return [known.get(node.name) for node in GraphIndex(model).nodes]


def judge(
    analysis: Analysis, truth: list[ModulePath | None], alias: dict[str, str]
) -> Iterator[tuple[int, str]]:
    """Yield (node, verdict) for the nodes with truth."""
    for node, (placement, true) in enumerate(zip(analysis.tree.placements, truth, strict=True)):
        if true is None:
            continue
        if placement is None:
            yield node, "unplaced"
            continue
        place = ModulePath(alias.get(placement.module, placement.module))
        yield node, "exact" if place == true else "ancestor" if place.holds(true) else "wrong"


def _named(analysis: Analysis) -> set[ModulePath]:
    """Return the modules that the file names anywhere, and their ancestors."""
    claimed = {claim.module for heard in analysis.heard for claim in heard.testimony.claims}
    owners = {parameter.name.parent or ModulePath("") for parameter in analysis.parameters}
    names = claimed | owners
    return names | {above for name in names for above in name.ancestors()}


def inherited(descent: Descent, truth: list[ModulePath | None]) -> list[ModulePath | None]:
    """Return the truth of a damaged file: for each node, the common ancestor of its origins' modules."""
    return [
        common_ancestor(sorted({place for node in origins if (place := truth[node]) is not None}))
        for origins in descent.origins
    ]


def annotated(path: Path, folder: Path) -> Path:
    """Return the output of `rewrite --restore-names` for a file."""
    target = folder / path.parent.name / path.name
    target.parent.mkdir(parents=True, exist_ok=True)
    options = pipeline.Options(standard_passes(restore_names=True), numbers=False, copy_data=True)
    pipeline.rewrite(path, target, options)
    return target


class Benchmark:
    """Counts of verdicts by tool, exporter and way of reading."""

    def __init__(self, workshop: Workshop, *, details: bool) -> None:
        self.workshop = workshop
        self.details = details
        self.counts: dict[tuple[str, str, str], Counter[str]] = {}
        self.failures: dict[tuple[str, str], str] = {}

    def run(self, case: Case, tools: tuple[str, ...], ways: tuple[str, ...], folder: Path) -> None:
        """Damage one file with every tool, read the results and count the verdicts."""
        plain = {way for way in ways if way != "annotated"}
        sources = [(case.path, plain)] if plain else []
        if "annotated" in ways:
            sources.append((annotated(case.path, folder), {"annotated"}))
        for source, of_source in sources:
            original = GraphIndex(onnx.load(source, load_external_data=False))
            like = pipeline.read_like(source) if "like" in of_source else None
            for tool in tools:
                made = self.workshop.damage(source, tool)
                if isinstance(made, str):
                    self.failures[(tool, f"{case.path.parent.name}/{case.path.stem}")] = made
                    continue
                try:
                    for way in WAYS:
                        if way in of_source:
                            self._judge(case, tool, way, made, original, like)
                except (DoesNotFit, UnreadableModel) as error:  # invalid, or refused as no descendant
                    self.failures[(tool, f"{case.path.parent.name}/{case.path.stem}")] = str(error).partition(
                        ": "
                    )[2]

    def _judge(
        self, case: Case, tool: str, way: str, made: Path, original: GraphIndex, like: Like | None
    ) -> None:
        analysis = pipeline.load(made, Given(like=like) if way == "like" else NOTHING)
        truth = inherited(Descent(original, analysis.graph), case.truth)
        named = _named(analysis)
        counts = self.counts.setdefault((tool, case.path.stem, way), Counter())
        for node, verdict in judge(analysis, truth, case.alias):
            counts[verdict] += 1
            counts["named"] += truth[node] in named
            if self.details and verdict != "exact":
                self._tell(case, tool, way, analysis, truth, node, verdict)

    def _tell(
        self,
        case: Case,
        tool: str,
        way: str,
        analysis: Analysis,
        truth: list[ModulePath | None],
        node: int,
        verdict: str,
    ) -> None:
        proto, placement = analysis.graph.nodes[node], analysis.tree.placements[node]
        said = f"{placement.module!r} by {placement.source}" if placement else "nowhere"
        names = f"{proto.op_type} {proto.name!r} -> {list(proto.output)[:2]}"
        where = f"{case.path.parent.name}/{case.path.stem}"
        print(f"{verdict}\t{tool}\t{way}\t{where}\t{names}\t{said}, truly {truth[node]!r}", file=sys.stderr)

    def table(self, tools: tuple[str, ...], variants: tuple[str, ...], ways: tuple[str, ...]) -> str:
        """Return the table of exact / ancestor / wrong / unplaced in % of nodes."""
        columns = [(variant, way) for variant in variants for way in ways]
        lines = ["| tool | " + " | ".join(f"{variant} {way}" for variant, way in columns) + " |"]
        lines.append("|---|" + "---|" * len(columns))
        for tool in tools:
            cells = [self._cell(tool, variant, way) for variant, way in columns]
            lines.append(f"| {tool} | " + " | ".join(cells) + " |")
        return "\n".join(lines)

    def _cell(self, tool: str, variant: str, way: str) -> str:
        counts = self.counts.get((tool, variant, way), Counter())
        total = sum(counts[verdict] for verdict in VERDICTS)
        if not total:
            return "-"
        shares = " / ".join(f"{100 * counts[verdict] / total:.1f}" for verdict in VERDICTS)
        return f"{shares} ({100 * counts['named'] / total:.1f})"


@click.command()
@click.argument("folders", nargs=-1, type=click.Path(path_type=Path, exists=True))
@click.option("--tool", "tools", multiple=True, type=click.Choice(list(TOOLS)), help="Only these tools.")
@click.option("--variant", "variants", multiple=True, default=("ts", "dy"), help="Which exports.")
@click.option("--way", "ways", multiple=True, type=click.Choice(WAYS), default=WAYS, help="How to read.")
@click.option("--quick", is_flag=True, help="Every eighth fixture.")
@click.option("--every", type=int, default=0, help="Every n-th fixture.")
@click.option("--timeout", default=120.0, help="Seconds for one tool on one file.")
@click.option(
    "--cache",
    type=click.Path(path_type=Path),
    default=Path(tempfile.gettempdir()) / "rewriter-damage",
    help="Folder that keeps the damaged files.",
)
@click.option("--details", is_flag=True, help="List every node that is not exact on stderr.")
def main(
    folders: tuple[Path, ...],
    tools: tuple[str, ...],
    variants: tuple[str, ...],
    ways: tuple[str, ...],
    quick: bool,
    every: int,
    timeout: float,
    cache: Path,
    details: bool,
) -> None:
    """Print exact / ancestor / wrong / unplaced in % of nodes over FOLDERS (default: the fixtures)."""
    benchmark = Benchmark(Workshop(cache, timeout), details=details)
    tools = tools or tuple(TOOLS)
    with tempfile.TemporaryDirectory() as folder:
        for case in cases(folders or (FIXTURES,), variants, every or (8 if quick else 1)):
            benchmark.run(case, tools, ways, Path(folder))
    print(f"{' / '.join(VERDICTS)} (nameable) in % of nodes\n")
    print(benchmark.table(tools, variants, ways))
    if benchmark.failures:
        print(f"\n{len(benchmark.failures)} files that a tool did not write, or not as a valid model:\n")
        for (tool, file), why in benchmark.failures.items():
            print(f"- {tool}, {file}: {why.splitlines()[0]}")


if __name__ == "__main__":
    main()
