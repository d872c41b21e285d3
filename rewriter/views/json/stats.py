"""The numbers of a model as JSON."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Final, Literal, TypedDict

from onnx import TensorProto

from rewriter.insight.figures import Figures
from rewriter.insight.stats import Port, Stats
from rewriter.model.tensors import dtype_name
from rewriter.modules.module import Module
from rewriter.paths import ROOT, ModulePath
from rewriter.views.escape import as_text
from rewriter.views.json.parts import OwnAndTotalJson, PlacementJson, own_and_total_json, placement_json
from rewriter.views.json.types import ClassOrNullJson, Count

STATS: Final = "rewriter.stats/1"


class StatsPortJson(TypedDict):
    """A value at a boundary.

    Attributes:
        shape: A size, the name of a symbolic one, or null for each axis; null where the rank is unknown.
    """

    name: str
    dtype: str | None
    shape: Sequence[int | str | None] | None


class StatsFlopsJson(TypedDict):
    """Operations of the model.

    Attributes:
        known: Operations of all nodes where they are known.
        unknown: Why operations are not known -> number of nodes.
        fault: Why shapes could not be inferred.
    """

    known: Count
    unknown: Mapping[str, Count]
    fault: str | None


class StatsPatternJson(TypedDict):
    """Parameters whose paths differ in numbers alone.

    Attributes:
        name: The path with every number as '*'.
        parameters: Elements in all of them.
    """

    name: str
    times: Count
    shapes: Sequence[Sequence[Count]]
    dtypes: Sequence[str]
    parameters: Count
    bytes: Count


class StatsModuleJson(ClassOrNullJson):
    """One module.

    Attributes:
        parameters: Elements; what several modules share counts once.
        bytes: Bytes of its parameters as they are stored.
        buffers: Elements of its buffers: running statistics, integers of the state dict.
        constants: Elements of all other tensors: shapes, indices, scalars, folded activations.
        flops: Operations that are known.
        unknown_flops: Nodes whose operations are not known.
        operators: Of its own nodes.
        inputs: Values that its first call takes in, weights left out; null where it is never called.
    """

    path: str
    calls: Count
    nodes: OwnAndTotalJson
    parameters: OwnAndTotalJson
    bytes: OwnAndTotalJson
    buffers: OwnAndTotalJson
    constants: OwnAndTotalJson
    flops: OwnAndTotalJson
    unknown_flops: OwnAndTotalJson
    operators: Mapping[str, Count]
    inputs: Sequence[StatsPortJson] | None
    outputs: Sequence[StatsPortJson] | None


class StatsJson(TypedDict):
    """Numbers of an ONNX model and its modules.

    Printed by `rewriter stats --json`.

    Attributes:
        nodes: Those in bodies and functions included.
        scoped: Nodes with a scope in their name.
        operators: Operator -> number of nodes, most first.
        inputs: Of the model.
        patterns: Parameters whose paths differ in numbers alone.
        modules: Those asked for, in tree order.
    """

    schema: Literal["rewriter.stats/1"]
    nodes: Count
    scoped: Count
    initializers: Count
    placement: PlacementJson
    operators: Mapping[str, Count]
    inputs: Sequence[StatsPortJson]
    outputs: Sequence[StatsPortJson]
    flops: StatsFlopsJson
    patterns: Sequence[StatsPatternJson]
    modules: Sequence[StatsModuleJson]


def stats_json(stats: Stats, shown: Container[ModulePath] | None = None) -> StatsJson:
    """The numbers of a model, and of the modules in `shown`; of all where None."""
    tree = stats.analysis.tree
    inputs, outputs = stats.boundaries[ROOT]
    return {
        "schema": STATS,
        "nodes": stats.nodes,
        "scoped": stats.scoped,
        "initializers": stats.initializers,
        "placement": placement_json(tree),
        "operators": dict(stats.operators),
        "inputs": [_port_json(port) for port in inputs],
        "outputs": [_port_json(port) for port in outputs],
        "flops": {"known": stats.flops, "unknown": dict(stats.unknown), "fault": stats.fault},
        "patterns": [
            {
                "name": pattern.name,
                "times": pattern.times,
                "shapes": [list(shape) for shape in pattern.shapes],
                "dtypes": list(pattern.dtypes),
                "parameters": pattern.count,
                "bytes": pattern.size,
            }
            for pattern in stats.patterns
        ],
        "modules": [
            _module_json(module, stats.figures[module.path], stats)
            for module in tree
            if shown is None or module.path in shown
        ],
    }


def _module_json(module: Module, figures: Figures, stats: Stats) -> StatsModuleJson:
    boundary = stats.boundaries.get(module.path)
    return {
        "path": module.path,
        "class": module.class_name,
        "calls": module.calls,
        "nodes": own_and_total_json(figures.nodes),
        "parameters": own_and_total_json(figures.parameters),
        "bytes": own_and_total_json(figures.parameter_bytes),
        "buffers": own_and_total_json(figures.buffers),
        "constants": own_and_total_json(figures.constants),
        "flops": own_and_total_json(figures.flops),
        "unknown_flops": own_and_total_json(figures.unknown),
        "operators": dict(figures.operators),
        "inputs": None if boundary is None else [_port_json(port) for port in boundary[0]],
        "outputs": None if boundary is None else [_port_json(port) for port in boundary[1]],
    }


def _port_json(port: Port) -> StatsPortJson:
    known = port.known
    dims = None if known is None or known.dims is None else list(known.dims)
    return {"name": as_text(port.name), "dtype": element_name(known.element if known else 0), "shape": dims}


def element_name(element: int) -> str | None:
    """`float32` for `TensorProto.FLOAT`; None for an unknown type."""
    return dtype_name(element) if element and element in TensorProto.DataType.values() else None
