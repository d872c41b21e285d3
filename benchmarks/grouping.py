"""Measures the seconds to group a real export, and layered graphs of 1 000 to 100 000 nodes.

    python -m benchmarks.grouping             # a few minutes
    python -m benchmarks.grouping --large     # 300 000 nodes as well
    python -m benchmarks.grouping --quick     # up to 10 000 nodes, no exports; writes no results

`pipeline.rewrite` runs with a clock for each station: CPU seconds of the process, medians of three. The same
run also measures the floor: to parse the file and write it again.
"""

from __future__ import annotations

import gc
import math
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import cast

import click
from onnx import ModelProto

from benchmarks import exporting, synthetic
from benchmarks.reporting import environment, publish, table
from rewriter import pipeline
from rewriter.modules.analysis import Analysis
from rewriter.passes.annotate import Annotate
from rewriter.passes.base import Outcome, Pass
from rewriter.passes.group import Group
from rewriter.passes.preserved_parts import Part
from rewriter.passes.share import Share
from rewriter.passes.unshare import Unshare

PASSES = (Annotate(), Unshare(), Group(), Share())
FLOOR = "floor"
STATIONS = ("load", "tree", "annotate", "unshare", "group", "share", "analyse anew", "certificate")
TIMES = 3
MOST_SECONDS = 1.0
"""Claimed limit for a real export of 48 layers, without the proof."""
SIZES = (1_000, 10_000, 100_000)
LARGE = 300_000


@dataclass(slots=True)
class Clock:
    """CPU seconds by station; a station ends when the next begins."""

    seconds: dict[str, float] = field(default_factory=dict)
    station: str = ""
    since: float = 0.0

    def begin(self, station: str) -> None:
        """End the current station, and begin another."""
        now = time.process_time()
        if self.station:
            self.seconds[self.station] = self.seconds.get(self.station, 0.0) + now - self.since
        self.station, self.since = station, now


@dataclass(frozen=True, slots=True)
class Timed:
    """Pass with a clock; the time between two passes is that of the new analysis."""

    step: Pass
    clock: Clock

    @property
    def name(self) -> str:
        """The name of the pass."""
        return self.step.name

    @property
    def requires(self) -> frozenset[Part]:
        """The parts that the pass requires."""
        return self.step.requires

    @property
    def preserves(self) -> frozenset[Part]:
        """The parts that the pass preserves."""
        return self.step.preserves

    @property
    def flat(self) -> bool:
        """Whether the pass is for flat models."""
        return getattr(self.step, "flat", False)

    @property
    def undone(self) -> bool:
        """Whether `flatten` undoes the pass."""
        return getattr(self.step, "undone", False)

    def run(self, analysis: Analysis) -> Outcome:
        """Run the pass."""
        self.clock.begin(self.name)
        outcome = self.step.run(analysis)
        self.clock.begin("analyse anew")
        return outcome


@dataclass(frozen=True, slots=True)
class Measured:
    """Result of one file: seconds by station, and figures of the output."""

    name: str
    nodes: int
    seconds: dict[str, float]
    changes: dict[str, int]

    @property
    def total(self) -> float:
        """Seconds of the whole rewrite."""
        return sum(self.seconds[station] for station in STATIONS)

    @property
    def unproved(self) -> float:
        """Seconds without the certificate."""
        return self.total - self.seconds["certificate"]


def measure(name: str, path: Path) -> Measured:
    """Time the floor and the whole rewrite of a file, several times in turn."""
    floors, found = [], []
    for _ in range(TIMES):
        gc.collect()
        start = time.process_time()
        model = ModelProto.FromString(path.read_bytes())
        model.SerializeToString()
        floors.append(time.process_time() - start)
        nodes = len(model.graph.node)
        del model
        clock = Clock()
        passes = tuple(cast(Pass, Timed(step, clock)) for step in PASSES)
        options = pipeline.Options(passes, numbers=False)
        report = pipeline.rewrite(path, None, options, clock.begin)
        clock.begin("")
        found.append(clock.seconds)
        changes = {what: count for record in report.passes for what, count in record.changes.items()}
        del report
    seconds = {station: median(each.get(station, 0.0) for each in found) for station in STATIONS}
    return Measured(name, nodes, {FLOOR: median(floors), **seconds}, changes)


def real(folder: Path) -> Iterator[Measured]:
    """Measure BERT with 48 layers, from both exporters."""
    for variant in ("ts_dyn", "dy_dyn", "ts", "dy"):
        path = folder / f"{variant}.onnx"
        exporting.export("bert", variant, path, layers=48, hidden=32)
        yield measure(f"48 layers, {variant}", path)
        path.unlink()


Edit = Callable[[ModelProto], ModelProto]

SHAPES: dict[str, tuple[str, tuple[Edit, ...]]] = {
    "TorchScript": ("ts_dyn", ()),
    "TorchScript, random order": ("ts_dyn", (synthetic.shuffled,)),
    "TorchScript, equal nodes merged": ("ts_dyn", (synthetic.merged,)),
    "TorchScript, merged, random order": ("ts_dyn", (synthetic.merged, synthetic.shuffled)),
    "dynamo": ("dy_dyn", ()),
    "dynamo, random order": ("dy_dyn", (synthetic.shuffled,)),
}


def layered(shape: str, sizes: Sequence[int], folder: Path) -> Iterator[Measured]:
    """Measure one shape of graph in all sizes."""
    variant, edits = SHAPES[shape]
    pattern = synthetic.two_layers(variant)
    for size in sizes:
        model = synthetic.layered(pattern, size)
        for edit in edits:
            model = edit(model)
        path = folder / "layered.onnx"
        path.write_bytes(model.SerializeToString())
        del model
        yield measure(shape, path)


def report(exports: Sequence[Measured], shapes: Sequence[Sequence[Measured]]) -> str:
    """Return the claim and the tables as Markdown."""
    sections = ["# Seconds to group", f"    python -m benchmarks.grouping\n\n{environment()}"]
    if exports:
        slowest = max(exports, key=lambda each: each.unproved)
        verdict = "holds" if slowest.unproved < MOST_SECONDS else "does not hold"
        sections.append(
            f"- **{verdict}**: 48 layers take less than {MOST_SECONDS:g} s of CPU to group and share, the "
            f"certificate left out: {slowest.unproved:.2f} s for {slowest.name} ({slowest.nodes} nodes), "
            f"{slowest.total:.2f} s with it."
        )
        sections += ["Real exports of BERT, CPU seconds:", _seconds(exports)]
    everything = [each for of_shape in shapes for each in of_shape]
    sections += [
        "Layered graphs, CPU seconds:",
        _seconds(everything),
        "The same, in microseconds per node:",
        table(
            ["graph", "nodes", FLOOR, *STATIONS, "all", "all / floor"],
            [
                [
                    each.name,
                    each.nodes,
                    *(f"{1e6 * each.seconds[s] / each.nodes:.1f}" for s in (FLOOR, *STATIONS)),
                    f"{1e6 * each.total / each.nodes:.0f}",
                    f"{each.total / each.seconds[FLOOR]:.0f}",
                ]
                for each in everything
            ],
        ),
        "Growth from one size to the next, as exponents of the number of nodes (1 is linear):",
        table(
            ["graph", "nodes", *STATIONS, "all"],
            [_growth(*pair) for of_shape in shapes for pair in pairwise(of_shape)],
        ),
    ]
    return "\n\n".join(sections)


def _seconds(found: Sequence[Measured]) -> str:
    header = ["graph", "nodes", "functions", "left", "copied", FLOOR, *STATIONS, "without proof", "all"]
    return table(
        header,
        [
            [
                each.name,
                each.nodes,
                each.changes.get("functions made", 0),
                each.changes.get("functions left", 0),
                each.changes.get("nodes copied", 0),
                *(f"{each.seconds[station]:.3f}" for station in (FLOOR, *STATIONS)),
                f"{each.unproved:.2f}",
                f"{each.total:.2f}",
            ]
            for each in found
        ],
    )


def _growth(smaller: Measured, larger: Measured) -> list[str]:
    def exponent(before: float, after: float) -> str:
        return f"{math.log(after / before) / math.log(larger.nodes / smaller.nodes):.2f}"

    stations = (exponent(smaller.seconds[s], larger.seconds[s]) for s in STATIONS)
    return [
        larger.name,
        f"{smaller.nodes} to {larger.nodes}",
        *stations,
        exponent(smaller.total, larger.total),
    ]


@click.command()
@click.option("--large", is_flag=True, help=f"Graphs of {LARGE} nodes as well.")
@click.option("--quick", is_flag=True, help="Up to 10 000 nodes, no exports; writes no results.")
@click.option("--only", default="", help="Only shapes of graphs with this text in the name.")
def main(large: bool, quick: bool, only: str) -> None:
    """Measure, and write benchmarks/results/grouping.md."""
    sizes = (*SIZES, *((LARGE,) if large else ()))[: 2 if quick else None]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        exports = [] if quick or only or not exporting.available() else list(real(folder))
        shapes = []
        for shape in SHAPES:
            if only in shape:
                click.echo(shape, err=True)
                shapes.append(list(layered(shape, sizes, folder)))
    text = report(exports, shapes)
    if quick or only:
        print(text)
    else:
        publish("grouping", text)


if __name__ == "__main__":
    main()
