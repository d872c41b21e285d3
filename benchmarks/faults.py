"""Measures how often `diff` names the module with a fault as the place where two models diverge.

    python -m benchmarks.faults                    # 200 seeds: the file with the fault against the same file
    python -m benchmarks.faults --across           # against the file of the other exporter, without the fault
    python -m benchmarks.faults --write            # both, into results/faults.md

Each case has a seed, which chooses an export, a kind of fault and a node. A fault that changes no result of
its module on drawn inputs, as tested with onnxruntime alone, is no case and is counted separately.
"""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from onnx import ModelProto

from benchmarks.faulty import KINDS, copied
from benchmarks.reporting import environment, publish, table
from rewriter import pipeline
from rewriter.insight.comparison.divergence import Divergence
from rewriter.model.operator_set.determinism import draws_random
from rewriter.model.operator_set.operators import canonical
from rewriter.model.storage import external_data
from rewriter.modules.analysis import Analysis
from rewriter.options.words import TOLERANCE
from rewriter.regions.boundary import find_boundaries
from rewriter.regions.region_tree import find_regions
from rewriter.runtime.inputs.input import FeedError
from rewriter.runtime.inputs.planning import draw

EXPORTS = Path(__file__).resolve().parent.parent / "fixtures" / "exports"
CASES = 200
_MOST_TRIES = 60

Feeds = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Case:
    """Fault in one node of one export, with the module of the node and the module that was named."""

    export: str
    kind: str
    node: str
    module: str
    named: str | None
    seconds: float

    @property
    def right(self) -> bool:
        """Whether the module was named."""
        return self.named == self.module


def case_of(seed: int, paths: list[Path], discarded: Counter[str], *, across: bool = False) -> Case:
    """Return the case of a seed: draw until a fault changes a result of its module."""
    rng = random.Random(seed)
    for _ in range(_MOST_TRIES):
        path = rng.choice(paths)
        kind = rng.choice(list(KINDS))
        analysis, feeds = loaded(path)
        if _draws(analysis):
            discarded["the export draws random numbers"] += 1
            continue
        if feeds is None:
            discarded["drawn inputs of first choice do not suit the export"] += 1
            continue
        numbers = list(range(len(analysis.graph.nodes)))
        rng.shuffle(numbers)
        for node in numbers:
            place = analysis.tree.placements[node]
            if place is None or analysis.graph.body_of[node]:
                continue
            faulty = KINDS[kind](analysis.model, analysis, node, rng)
            if faulty is None:
                continue
            if not shows(analysis, faulty, node, feeds):
                discarded["no result of the module changes"] += 1
                break
            start = time.perf_counter()
            other = partner(path) if across else path
            if other is None or not _has_nodes(loaded(other)[0], place.module):
                discarded["the other export has no nodes of the module"] += 1
                break
            first = first_divergence(other, faulty, path.parent)
            proto = analysis.graph.nodes[node]
            name = f"{path.parent.name}/{path.stem}"
            named = None if first is None else str(first.path)
            return Case(name, kind, proto.name, str(place.module), named, time.perf_counter() - start)
    raise SystemExit(f"seed {seed}: no fault found in {_MOST_TRIES} tries")


def _draws(analysis: Analysis) -> bool:
    opsets = {canonical(each.domain): each.version for each in analysis.model.opset_import}
    return any(draws_random(node, opsets, frozenset()) for node in analysis.graph.nodes)


def _has_nodes(analysis: Analysis, module: str) -> bool:
    return module in analysis.tree and analysis.tree[module].total_nodes > 0


def partner(path: Path) -> Path | None:
    """Return the same model by the other exporter; None if there is none."""
    here, there = ("ts", "dy") if path.stem.startswith("ts") else ("dy", "ts")
    other = path.with_stem(there + path.stem.removeprefix(here))
    return other if other.exists() else None


def first_divergence(path: Path, faulty: ModelProto, home: Path) -> Divergence | None:
    """Return the first divergence of an export and a faulty one, whose external weights are in `home`."""
    with tempfile.TemporaryDirectory() as folder:
        for data in external_data.external_locations(faulty):
            shutil.copy(home / data, folder)
        onnx.save(faulty, Path(folder) / "faulty.onnx")
        return pipeline.diff(path, Path(folder) / "faulty.onnx").first


@cache
def loaded(path: Path) -> tuple[Analysis, Feeds | None]:
    """Load an export, and draw inputs; None instead of inputs that it does not run on."""
    analysis = pipeline.load(path)
    try:
        feeds = draw(analysis.model, sets=1)[0]
        results(analysis, analysis.model, (), feeds)
    except (FeedError, RuntimeError, ort.capi.onnxruntime_pybind11_state.InvalidArgument):
        return analysis, None
    except Exception as error:
        if type(error).__module__.startswith("onnxruntime"):
            return analysis, None
        raise
    return analysis, feeds


def shows(analysis: Analysis, faulty: ModelProto, node: int, feeds: Feeds) -> bool:
    """Whether the fault changes a result of a call with this node, as onnxruntime alone shows."""
    regions = find_regions(analysis.graph, analysis.tree)
    region = regions.region_of[node]
    assert region is not None
    outputs = find_boundaries(analysis.graph, regions)[region].outputs if region else ()
    names = tuple(analysis.graph.value_names[value] for value in outputs)
    before = results(analysis, analysis.model, names, feeds)
    after = results(analysis, faulty, names, feeds)
    for one, other in zip(before, after, strict=True):
        if one.dtype.kind == "f" and one.size:
            far = float(np.abs(one - other).max())
            if far > 2 * TOLERANCE * max(float(np.abs(one).max()), float(np.abs(other).max()), 1e-3):
                return True
    return False


def results(
    analysis: Analysis, model: ModelProto, names: tuple[str, ...], feeds: Feeds
) -> list[npt.NDArray[Any]]:
    """Return some values of a model, or its outputs, from a run without optimisations."""
    if names:
        model = copied(model)
        del model.graph.output[:]
        model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    if analysis.path is not None:
        folder = str(analysis.path.parent.resolve())
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", folder)
    ort.set_seed(0)
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return [np.asarray(value) for value in session.run(None, feeds)]


def exports(only: str) -> list[Path]:
    """Return the files to choose from."""
    return [path for path in sorted(EXPORTS.glob("*/*.onnx")) if only in f"{path.parent.name}/{path.stem}"]


def report(cases: list[Case], discarded: Counter[str]) -> str:
    """Return shares of right cases by kind of fault and exporter, and the wrong cases, as Markdown."""
    rows = []
    for kind in (*KINDS, "all"):
        row = [case for case in cases if kind in (case.kind, "all")]
        sides = [
            [case for case in row if case.export.split("/")[1].startswith(mark)] for mark in ("ts", "dy", "")
        ]
        rows.append([kind, *(f"{sum(case.right for case in side)} of {len(side)}" for side in sides)])
    again = ", ".join(f"{count} {why}" for why, count in discarded.items()) or "none"
    seconds = sorted(case.seconds for case in cases)
    return "\n\n".join(
        [
            table(["fault", "TorchScript", "dynamo", "all"], rows),
            f"{len({case.export for case in cases})} exports; discarded draws: {again}. "
            f"Median time of a diff: {seconds[len(seconds) // 2]:.2f} s.",
            *(f"- {case}" for case in cases if not case.right),
        ]
    )


@click.command()
@click.option("--cases", default=CASES, show_default=True)
@click.option("--start", default=0, help="The first seed.")
@click.option("--only", default="", help="Only exports with this text in the name.")
@click.option(
    "--across", is_flag=True, help="Compare with the file of the other exporter, without the fault."
)
@click.option("--write", is_flag=True, help="Write both tables to results/faults.md.")
def main(cases: int, start: int, only: str, across: bool, write: bool) -> None:
    parts = []
    for other in (False, True) if write else (across,):
        discarded: Counter[str] = Counter()
        found = []
        for seed in range(start, start + cases):
            found.append(case_of(seed, exports(only), discarded, across=other))
            if not found[-1].right:
                click.echo(f"seed {seed}: {found[-1]}", err=True)
        parts.append(report(found, discarded))
        click.echo(parts[-1])
    if write:
        titles = (
            "# Does `diff` name the module with a fault?",
            "    python -m benchmarks.faults --write",
            environment(),
        )
        own = "A file with a fault, compared with the file without it:"
        crossed = "A file with a fault, compared with the other exporter's file:"
        publish("faults", "\n\n".join((*titles, own, parts[0], crossed, parts[1])))


if __name__ == "__main__":
    main()
