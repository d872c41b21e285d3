"""Compares a flat and a grouped model in onnxruntime: nodes, latency, session creation, numbers."""

from __future__ import annotations

import random
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort

import rewriter
from rewriter.passes.annotate import Annotate
from rewriter.passes.base import Pass
from rewriter.passes.group import Group
from rewriter.passes.share import Share
from rewriter.passes.unshare import Unshare
from rewriter.runtime.compare.tolerance import difference

AS_IS, FLAT, AGAIN = "as it is", "flat", "flat again"
EDITS: dict[str, tuple[Pass, ...]] = {
    "unshared": (Annotate(), Unshare()),
    "per call": (Annotate(), Unshare(), Group()),
    "shared": (Annotate(), Unshare(), Group(), Share()),
    "shared, depth 2": (Annotate(), Unshare(), Group(depth=2), Share()),
}
LEAST_RUNS, MOST_RUNS, SECONDS = 5, 100, 0.05
"""Minimum and maximum runs of a session in a round, and the seconds that they should take."""
KINDS = (AS_IS, FLAT, AGAIN, *EDITS)


@dataclass(slots=True)
class Measured:
    """Figures of one export, by kind of file."""

    name: str
    written: dict[str, int] = field(default_factory=dict)
    functions: dict[str, int] = field(default_factory=dict)
    operators: dict[str, Counter[str]] = field(default_factory=dict)
    creation: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    latency: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    apart: dict[str, float] = field(default_factory=dict)
    largest: float = 0.0

    def nodes(self, kind: str) -> int:
        """Return the number of nodes of onnxruntime's optimised graph."""
        return self.operators[kind].total()

    def ratio(self, seconds: Mapping[str, list[float]], kind: str) -> float:
        """Return the median, over the rounds, of the ratio to the flat file in the same round."""
        return median(ours / flat for ours, flat in zip(seconds[kind], seconds[FLAT], strict=True))


def write_kinds(source: Path, folder: Path, measured: Measured) -> dict[str, Path]:
    """Write a file of every kind."""
    original = onnx.load(source)
    bare = onnx.ModelProto()
    bare.CopyFrom(original)
    del bare.graph.value_info[:]
    models = {AS_IS: original, FLAT: bare, AGAIN: bare}
    for kind, passes in EDITS.items():
        models[kind] = rewriter.rewrite(original, passes=passes, numbers=False).analysis.model
    del models["unshared"].graph.value_info[:]
    paths = {}
    for number, (kind, model) in enumerate(models.items()):
        paths[kind] = folder / f"{number}.onnx"
        paths[kind].write_bytes(model.SerializeToString())
        measured.written[kind] = len(model.graph.node)
        measured.functions[kind] = len(model.functions)
    return paths


def session(path: Path, optimised: Path | None = None) -> Any:
    """Open a session with one thread and all optimisations."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    if optimised:
        options.optimized_model_filepath = str(optimised)
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def measure(name: str, source: Path, feeds: Mapping[str, Any], rounds: int) -> Measured:
    """Measure all figures of one export."""
    measured = Measured(name)
    with tempfile.TemporaryDirectory() as scratch:
        paths = write_kinds(source, Path(scratch), measured)
        outputs = {}
        for kind, path in paths.items():
            optimised = Path(scratch) / "optimised.onnx"
            outputs[kind] = session(path, optimised).run(None, feeds)
            nodes = onnx.load(optimised, load_external_data=False).graph.node
            measured.operators[kind] = Counter(f"{node.domain}::{node.op_type}" for node in nodes)
        measured.largest = max(float(np.abs(output).max()) for output in outputs[FLAT])
        for kind, output in outputs.items():
            found = difference(outputs[FLAT], output)
            measured.apart[kind] = found.largest if found else 0.0
        made = session(paths[FLAT])
        start = time.thread_time()
        made.run(None, feeds)
        runs = max(LEAST_RUNS, min(MOST_RUNS, int(SECONDS / (time.thread_time() - start))))
        for number in range(rounds):
            _round(measured, paths, feeds, number, runs)
    return measured


def _round(
    measured: Measured, paths: Mapping[str, Path], feeds: Mapping[str, Any], number: int, runs: int
) -> None:
    """Make a session of every kind and run them.

    The order is random, since earlier runs affect the caches. Every round has new sessions, since the place
    of its memory makes a session slower or faster as long as it exists.
    """
    draw = random.Random(f"{measured.name} {number}")
    sessions = {}
    for kind in draw.sample(KINDS, len(KINDS)):
        start = time.thread_time()
        sessions[kind] = session(paths[kind])
        measured.creation[kind].append(time.thread_time() - start)
    spent: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for made in sessions.values():
        made.run(None, feeds)
    for _ in range(runs):
        for kind in draw.sample(KINDS, len(KINDS)):
            start = time.thread_time()
            sessions[kind].run(None, feeds)
            spent[kind].append(time.thread_time() - start)
    for kind in KINDS:
        measured.latency[kind].append(median(spent[kind]))
