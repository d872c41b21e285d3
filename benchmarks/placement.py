"""Measures the accuracy of placing nodes by their values, in files without names, with the torch module.

    python -m benchmarks.placement                       # all names stripped, --trace, the fixtures
    python -m benchmarks.placement --damage metadata     # exporter metadata stripped, names kept
    python -m benchmarks.placement --damage opset17      # converted down, as torch does: metadata lost
    python -m benchmarks.placement --given reference     # also with the module's classes; or `nothing`
    python -m benchmarks.placement bert swin --details

Needs torch and transformers: every fixture's make.py builds its module again. Names of nodes, values, inputs,
outputs and initializers are replaced with counters, and all metadata is removed. The order of the nodes is
kept, so that the truth of the original applies. Nodes without truth are not counted. `ancestor` is a module
that contains the true one, the root included.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import onnx
import onnx.version_converter
import torch

from benchmarks.rebuilt import FIXTURES, rebuild
from benchmarks.stripped import without_metadata
from rewriter import pipeline
from rewriter.api.side_inputs import read_evidence
from rewriter.evidence.side_inputs import NOTHING, Given
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.modules.analysis import Analysis
from rewriter.paths import ModulePath

VERDICTS = ("exact", "ancestor", "wrong", "unplaced")
VARIANTS = ("ts", "ts_dyn", "dy", "dy_dyn")


def without_names(model: onnx.ModelProto) -> None:
    """Remove metadata, and replace all names with counters."""
    without_metadata(model)
    graph = GraphIndex(model)
    names = [f"v{value}" for value in range(len(graph.value_names))]
    for node, proto in enumerate(graph.nodes):
        proto.name = f"n{node}"
        for field, values in ((proto.input, graph.reads[node]), (proto.output, graph.writes[node])):
            field[:] = [names[value] if value != NONE else "" for value in values]
    for value, tensor in graph.initializers.items():
        tensor.name = names[value]
    for body in graph.bodies:
        body.proto.name = "g"
        for info in (*body.proto.input, *body.proto.output):
            if isinstance(info, onnx.ValueInfoProto):
                info.name = names[graph.value(info.name, graph.bodies.index(body))]


def to_opset_17(model: onnx.ModelProto) -> None:
    """Convert as `torch.onnx.export(dynamo=True, opset_version=17)` does, which keeps no metadata.

    Raises:
        RuntimeError: the converter cannot convert an operator down.
        ValidationError: the converter left an operator that opset 17 does not have.
    """
    without_metadata(model)
    model.CopyFrom(onnx.version_converter.convert_version(model, 17))
    onnx.checker.check_model(model)


def unharmed(model: onnx.ModelProto) -> None:
    """Change nothing."""


DAMAGES: dict[str, Callable[[onnx.ModelProto], None]] = {
    "none": unharmed,
    "names": without_names,
    "metadata": without_metadata,
    "opset17": to_opset_17,
}


def damaged(source: Path, damage: str, folder: Path) -> Path:
    """Write a damaged copy of a file, with its external data beside it."""
    model = onnx.load(source, load_external_data=False)
    DAMAGES[damage](model)
    for data in source.parent.glob("*.data"):
        shutil.copy(data, folder)
    target = folder / source.name
    onnx.save(model, target)
    return target


def judge(analysis: Analysis, source: Path, variant: str) -> Iterator[tuple[str, str]]:
    """Yield (verdict, description of an error) for every node with truth."""
    truth = json.loads(source.with_name("truth.json").read_text("utf-8"))
    alias = {name: m["path"] for m in truth["modules"] for name in (m["path"], *m.get("aliases", ()))}
    known = truth["files"][variant]["nodes"]
    originals = GraphIndex(onnx.load(source, load_external_data=False)).nodes
    if len(originals) != len(analysis.graph.nodes):
        originals = analysis.graph.nodes  # a converter keeps the names, and adds nodes without names
    for node, (placement, original) in enumerate(zip(analysis.tree.placements, originals, strict=True)):
        if original.name not in known:
            continue
        path = known[original.name][0]
        true = alias.get(path, path)
        what = f"{original.op_type} {original.name}: "
        if placement is None:
            yield "unplaced", f"{what} truly {true!r}"
            continue
        place = ModulePath(alias.get(placement.module, placement.module))
        verdict = "exact" if place == true else "ancestor" if place.holds(true) else "wrong"
        why = analysis.claims[node][0].detail
        yield verdict, f"{what} {place!r} by {placement.source} ({why}), truly {true!r}"


def line(name: str, counts: Counter[str]) -> str:
    """Return a row of the table."""
    total = sum(counts.values())
    shares = " | ".join(f"{100 * counts[verdict] / max(total, 1):.2f}" for verdict in VERDICTS)
    return f"| {name} | {total} | {shares} |"


def given_of(name: str, what: str) -> Given:
    """Return the evidence to give with a fixture's files."""
    if what == "nothing":
        return NOTHING
    module, inputs, _ = rebuild(name)
    trace = (module, tuple(inputs.values()))
    return read_evidence(reference=module if what == "reference" else None, trace=trace)


def read(source: Path, damage: str, given: Given) -> Analysis | None:
    """Return the analysis of a damaged copy; None if the damage is not possible."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            path = damaged(source, damage, Path(folder))
        except (RuntimeError, onnx.checker.ValidationError):
            return None
        return pipeline.load(path, given)


@click.command()
@click.argument("names", nargs=-1)
@click.option("--damage", type=click.Choice(list(DAMAGES)), default="names", help="What to strip.")
@click.option(
    "--given",
    "what",
    type=click.Choice(["trace", "reference", "nothing"]),
    default="trace",
    help="Evidence: the trace, also a reference, or nothing.",
)
@click.option("--variant", "variants", multiple=True, default=VARIANTS, help="Which exports.")
@click.option("--each", is_flag=True, help="A row for every file.")
@click.option("--details", is_flag=True, help="List every node that is not exact on stderr.")
def main(
    names: tuple[str, ...], damage: str, what: str, variants: tuple[str, ...], each: bool, details: bool
) -> None:
    """Print exact / ancestor / wrong / unplaced in % of nodes over the fixtures NAMES (default: all)."""
    torch.set_num_threads(1)
    totals: dict[str, Counter[str]] = {}
    failures: list[str] = []
    start = time.perf_counter()
    print(f"| | nodes | {' | '.join(VERDICTS)} |\n|---|---|---|---|---|---|")
    for name in names or sorted(path.parent.name for path in FIXTURES.glob("*/make.py")):
        given = given_of(name, what)
        for variant in variants:
            source = FIXTURES / name / f"{variant}.onnx"
            if not source.exists():
                continue
            if (analysis := read(source, damage, given)) is None:
                failures.append(f"{name}/{variant}")
                continue
            counts = Counter[str]()
            for verdict, told in judge(analysis, source, variant):
                counts[verdict] += 1
                if details and verdict != "exact":
                    print(f"{verdict}\t{name}/{variant}\t{told}", file=sys.stderr)
            if each:
                print(line(f"{name}/{variant}", counts), flush=True)
            for group in (variant, "all"):
                totals[group] = totals.get(group, Counter()) + counts
    for group in (*variants, "all"):
        print(line(group, totals.get(group, Counter())))
    if failures:
        print(f"\n{damage} could not be done for {len(failures)} files: {', '.join(failures)}")
    print(f"\n{time.perf_counter() - start:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
