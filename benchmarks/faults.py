"""Is a fault that was put into one module named as the place where two models part?

Run as `python -m benchmarks.faults [--cases N] [--only TEXT] [--across]`. A case is a seed: it chooses an
export, a kind of fault and a node. Faults that change no result of their module on drawn inputs are no cases
and are counted apart; that is found out with onnxruntime alone. `--across` compares the file with the fault
to the sound one of the other exporter. Prints a table, and every case that went wrong.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
from onnx import AttributeProto, ModelProto, NodeProto, numpy_helper

from rewriter import pipeline
from rewriter.insight.diff import TOLERANCE
from rewriter.insight.numbers import Divergence
from rewriter.model import files
from rewriter.model.graph import NONE
from rewriter.modules.analysis import Analysis
from rewriter.regions.boundary import find_boundaries
from rewriter.regions.calls import find_regions
from rewriter.runtime.feeds import draw
from rewriter.runtime.signature import FeedError

EXPORTS = Path(__file__).resolve().parent.parent / "fixtures" / "exports"
CASES = 200
_MOST_TRIES = 60
_FLOATS = (onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE)

Feeds = dict[str, npt.NDArray[Any]]
Edit = Callable[[ModelProto, Analysis, int, random.Random], ModelProto | None]
"""Model, what is known of it, node, seed -> the model with the fault; None where none is possible."""


@dataclass(frozen=True, slots=True)
class Case:
    """A fault in one node of one export, the module that has it, and the module that was named."""

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


def scaled(model: ModelProto, analysis: Analysis, node: int, rng: random.Random) -> ModelProto | None:
    """A weight times 1.1 to 2."""
    factor = rng.uniform(1.1, 2.0)
    return _with_weight(model, analysis, node, lambda array: array * factor)


def rounded(model: ModelProto, analysis: Analysis, node: int, rng: random.Random) -> ModelProto | None:
    """A weight on the grid of 8-bit integers."""

    def quantised(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        step = float(np.abs(array).max()) / 127 or 1.0
        return np.round(array / step) * step

    return _with_weight(model, analysis, node, quantised)


def quantised(model: ModelProto, analysis: Analysis, node: int, rng: random.Random) -> ModelProto | None:
    """One MatMul as onnxruntime's dynamic quantisation leaves it."""
    from onnxruntime.quantization import QuantType, quantize_dynamic  # noqa: PLC0415 - slow, and chatty

    proto = analysis.graph.nodes[node]
    if proto.op_type != "MatMul" or not proto.name or len(_own_weights(analysis, node, 2)) != 1:
        return None
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "a.onnx", Path(folder) / "b.onnx"
        onnx.save(model, source)
        try:
            quantize_dynamic(source, target, nodes_to_quantize=[proto.name], weight_type=QuantType.QInt8)
        except onnx.shape_inference.InferenceError:  # it looks at more than we ask it to
            return None
        return onnx.load(target)


def other_attribute(
    model: ModelProto, analysis: Analysis, node: int, rng: random.Random
) -> ModelProto | None:
    """An attribute with another value, of those that keep the shape."""
    proto = analysis.graph.nodes[node]
    edited = onnx.AttributeProto()
    for attribute in proto.attribute:
        if attribute.type == AttributeProto.FLOAT:
            edited = onnx.helper.make_attribute(attribute.name, attribute.f * 2 + 0.1)
        elif attribute.name == "axis" and proto.op_type in ("Softmax", "LogSoftmax"):
            edited = onnx.helper.make_attribute("axis", 0 if attribute.i else -1)
        elif attribute.name == "approximate":
            edited = onnx.helper.make_attribute("approximate", "none" if attribute.s == b"tanh" else "tanh")
        else:
            continue
        changed = _copy(model)
        target = _node(changed, proto)
        if target is None:
            return None
        next(each for each in target.attribute if each.name == attribute.name).CopyFrom(edited)
        return changed
    return None


KINDS: dict[str, Edit] = {
    "weight scaled": scaled,
    "weight rounded to 8 bits": rounded,
    "attribute changed": other_attribute,
    "quantised by onnxruntime": quantised,
}


def case_of(seed: int, paths: list[Path], discarded: Counter[str], *, across: bool = False) -> Case:
    """The case of a seed: draw until a fault shows at the results of its module."""
    rng = random.Random(seed)
    for _ in range(_MOST_TRIES):
        path = rng.choice(paths)
        kind = rng.choice(list(KINDS))
        analysis, feeds = loaded(path)
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


def _has_nodes(analysis: Analysis, module: str) -> bool:
    return module in analysis.tree and analysis.tree[module].total_nodes > 0


def partner(path: Path) -> Path | None:
    """The same model by the other exporter."""
    here, there = ("ts", "dy") if path.stem.startswith("ts") else ("dy", "ts")
    other = path.with_stem(there + path.stem.removeprefix(here))
    return other if other.exists() else None


def first_divergence(path: Path, faulty: ModelProto, home: Path) -> Divergence | None:
    """What the verb says of an export and one with a fault, whose external weights lie in `home`."""
    with tempfile.TemporaryDirectory() as folder:
        for data in files.external_locations(faulty):
            shutil.copy(home / data, folder)
        onnx.save(faulty, Path(folder) / "faulty.onnx")
        return pipeline.diff(path, Path(folder) / "faulty.onnx").first


@cache
def loaded(path: Path) -> tuple[Analysis, Feeds | None]:
    """An export, and inputs that it runs on."""
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
    """Whether the fault changes a result of a call that the node is part of, by onnxruntime alone."""
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
    """Some values of a model, or its outputs, run without optimisations."""
    if names:
        model = _copy(model)
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


def _with_weight(
    model: ModelProto,
    analysis: Analysis,
    node: int,
    change: Callable[[npt.NDArray[Any]], npt.NDArray[Any]],
) -> ModelProto | None:
    weights = _own_weights(analysis, node, 1)
    if not weights:
        return None
    changed = _copy(model)
    for tensor in changed.graph.initializer:
        if tensor.name == weights[0]:
            array = numpy_helper.to_array(tensor)
            tensor.CopyFrom(numpy_helper.from_array(change(array).astype(array.dtype), tensor.name))
    return changed


def _own_weights(analysis: Analysis, node: int, rank: int) -> list[str]:
    """The float initializers that the node reads and no other module does, kept inside the file."""
    graph, places = analysis.graph, analysis.tree.placements
    found = []
    for value in graph.reads[node]:
        tensor = graph.initializers.get(value) if value != NONE else None
        if tensor is None or tensor.data_type not in _FLOATS or len(tensor.dims) < rank:
            continue
        homes = {place.module if (place := places[reader]) else None for reader in graph.readers[value]}
        if len(homes) == 1 and tensor.data_location != onnx.TensorProto.EXTERNAL:
            found.append(tensor.name)
    return found


def _copy(model: ModelProto) -> ModelProto:
    copy = ModelProto()
    copy.CopyFrom(model)
    return copy


def _node(model: ModelProto, wanted: NodeProto) -> NodeProto | None:
    return next((node for node in model.graph.node if list(node.output) == list(wanted.output)), None)


def exports(only: str) -> list[Path]:
    """The files to choose from."""
    return [path for path in sorted(EXPORTS.glob("*/*.onnx")) if only in f"{path.parent.name}/{path.stem}"]


def table(cases: list[Case]) -> Iterator[str]:
    """Right of all, by kind of fault and exporter."""
    yield "| fault | TorchScript | dynamo | all |"
    yield "|---|---|---|---|"
    for kind in (*KINDS, "all"):
        row = [case for case in cases if kind in (case.kind, "all")]
        sides = [
            [case for case in row if case.export.split("/")[1].startswith(mark)] for mark in ("ts", "dy", "")
        ]
        cells = [f"{sum(case.right for case in side)} of {len(side)}" for side in sides]
        yield f"| {kind} | {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=CASES)
    parser.add_argument("--start", type=int, default=0, help="the first seed")
    parser.add_argument("--only", default="")
    parser.add_argument("--across", action="store_true", help="against the other exporter's file")
    arguments = parser.parse_args()
    discarded: Counter[str] = Counter()
    paths = exports(arguments.only)
    cases = []
    for seed in range(arguments.start, arguments.start + arguments.cases):
        case = case_of(seed, paths, discarded, across=arguments.across)
        cases.append(case)
        if not case.right:
            print(f"seed {seed}: {case}", file=sys.stderr, flush=True)
    print("\n".join(table(cases)))
    print(f"\n{len({case.export for case in cases})} exports; drawn again: ", end="")
    print(", ".join(f"{count} {why}" for why, count in discarded.items()) or "never")
    print(f"median {sorted(case.seconds for case in cases)[len(cases) // 2]:.2f} s a diff")


if __name__ == "__main__":
    main()
