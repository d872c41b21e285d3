"""Provides models with control flow to mutate, with inputs for which bodies run 0, 1 and 2 times."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from onnx.backend.test import loader

from benchmarks.corpus_cases import recorded, shipped
from rewriter.model.index.graph import graphs_of
from tests.proof import readings, texts

TRIPS = (0, 1, 2)
_HOLD_BODIES = frozenset({"If", "Loop", "Scan", "SequenceMap"})

Feeds = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Subject:
    """Model, with the input sets that it runs on."""

    name: str
    model: ModelProto
    feeds: Feeds


def subjects() -> Iterator[Subject]:
    """Yield the backend cases of onnx with control flow, and the texts of the certificate's tests."""
    for name, model, feeds in _backend():
        if has_bodies(model):
            yield Subject(name, *_with_trips(model, feeds))
    for pairs in (texts.EQUAL, texts.DIFFERENT, readings.APART, readings.ALIKE):
        for name, pair in pairs.items():
            for side, text in zip("ab", pair, strict=True):
                model = texts.model(text)
                yield Subject(f"{name} ({side})", model, [_drawn(model, trips) for trips in TRIPS])


def has_bodies(model: ModelProto) -> bool:
    """Whether any node, also in functions, has a graph body."""
    owners = [model.graph.node, *(function.node for function in model.functions)]
    return any(node.op_type in _HOLD_BODIES for nodes in owners for node in _all(nodes))


def _all(nodes: Any) -> Iterator[NodeProto]:
    for node in nodes:
        yield node
        for attribute in node.attribute:
            for graph in graphs_of(attribute):
                yield from _all(graph.node)


def _backend() -> Iterator[tuple[str, ModelProto, Feeds]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some cases overflow on purpose
        cases = sorted(loader.load_node_model_tests(), key=lambda case: case.name)
    for case in cases:
        names = [info.name for info in case.model.graph.input] if case.model else []
        feeds = [dict(zip(names, map(_array, inputs), strict=False)) for inputs, _ in case.data_sets or ()]
        if case.model and feeds:
            yield case.name, case.model, feeds
    for path in shipped():
        model = onnx.load(path)
        if feeds := [feed for feed, _ in recorded(model, path)]:
            yield str(Path(path).parent.name), model, feeds


def _array(value: Any) -> Any:
    return numpy_helper.to_array(value) if isinstance(value, TensorProto) else value


def _with_trips(model: ModelProto, feeds: Feeds) -> tuple[ModelProto, Feeds]:
    """Make the trip counts of Loops an input, let Scans take inputs of any length, and vary both."""
    made = ModelProto()
    made.CopyFrom(model)
    loops = [node for node in made.graph.node if node.op_type == "Loop" and node.input and node.input[0]]
    scanned = {
        name for node in made.graph.node if node.op_type == "Scan" for name in node.input[-_scanned(node) :]
    }
    given = {node.input[0] for node in loops} & {info.name for info in made.graph.input}
    if loops and not given:
        made.graph.input.append(helper.make_tensor_value_info("trips", TensorProto.INT64, []))
        given = {"trips"}
        for node in loops:
            node.input[0] = "trips"
    for info in made.graph.input:
        if info.name in scanned and info.type.tensor_type.shape.dim:
            info.type.tensor_type.shape.dim[0].dim_param = "rounds"
    if not given and not scanned:
        return made, feeds[:1]
    varied = [_varied(feeds[0], given, scanned, trips) for trips in TRIPS]
    return made, [*feeds[: 0 if "trips" in given else 1], *varied]


def _scanned(node: NodeProto) -> int:
    return next((each.i for each in node.attribute if each.name == "num_scan_inputs"), len(node.input))


def _varied(feed: dict[str, Any], given: set[str], scanned: set[str], trips: int) -> dict[str, Any]:
    made = {name: value[:trips] if name in scanned else value for name, value in feed.items()}
    for name in given:
        made[name] = np.full(np.shape(made.get(name, 0)), trips, dtype=np.int64)
    return made


def _drawn(model: ModelProto, trips: int) -> dict[str, Any]:
    """Draw arrays for a text: integers are the trip count or sizes; bools depend on the trip count."""
    rng = np.random.default_rng(trips)
    feed: dict[str, Any] = {}
    for info in model.graph.input:
        kind = info.type.tensor_type
        dims = [dim.dim_value if dim.HasField("dim_value") else 3 for dim in kind.shape.dim]
        if kind.elem_type == TensorProto.INT64:
            feed[info.name] = np.full(dims, 3 if dims else trips, dtype=np.int64)
        elif kind.elem_type == TensorProto.BOOL:
            feed[info.name] = np.full(dims, trips % 2 == 0)
        else:
            feed[info.name] = rng.normal(size=dims).astype(helper.tensor_dtype_to_np_dtype(kind.elem_type))
    return feed
