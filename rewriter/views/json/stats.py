"""Statistics of a model as JSON."""

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
    """Input or output of the model or of a module.

    Attributes:
        dtype: Element type; null if unknown.
        shape: One entry per dimension: a size, a symbol, or null if unknown; null if the rank is unknown.
    """

    name: str
    dtype: str | None
    shape: Sequence[int | str | None] | None


class StatsFlopsJson(TypedDict):
    """FLOPs of the model.

    Attributes:
        known: FLOPs of all nodes with known FLOPs.
        unknown: Reason why FLOPs are unknown -> number of nodes.
        fault: Reason why shapes could not be inferred; null if they could.
    """

    known: Count
    unknown: Mapping[str, Count]
    fault: str | None


class StatsPatternJson(TypedDict):
    """Group of parameters whose paths differ only in names that are numbers.

    Attributes:
        name: The path with '*' for every name that is a number: `encoder.layer.*.query.weight`.
        times: Number of parameters.
        shared: Number of those whose tensor stands in an earlier module; their elements do not count again.
        parameters: Total number of elements.
        bytes: Total number of bytes.
    """

    name: str
    times: Count
    shared: Count
    shapes: Sequence[Sequence[Count]]
    dtypes: Sequence[str]
    parameters: Count
    bytes: Count


class StatsModuleJson(ClassOrNullJson):
    """One module.

    Attributes:
        parameters: Elements of parameters; a total counts a parameter that several modules share once.
        bytes: Stored bytes of parameters.
        buffers: Elements of buffers: running statistics of batch norms, integers of the state dict.
        constants: Elements of all other tensors: shapes, indices, scalars, folded activations.
        flops: FLOPs of the nodes with known FLOPs.
        unknown_flops: Number of nodes with unknown FLOPs.
        operators: Operator -> number of the module's own nodes with it, most frequent first.
        inputs: Inputs of the module's first call in the main graph, without initializers; for the root, of
            the model; null if there is no such call.
        outputs: Outputs of the same call; for the root, of the model; null if there is no such call.
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
    """Statistics of an ONNX model and its modules.

    Printed by `rewriter stats --json`.

    Attributes:
        nodes: Number of nodes, including those in graph bodies and functions.
        scoped: Number of nodes with a scope in their name.
        initializers: Number of initializers, including those in graph bodies.
        operators: Operator -> number of nodes, most frequent first.
        inputs: Inputs of the model, without initializers.
        outputs: Outputs of the model.
        patterns: Groups of parameters whose paths differ only in names that are numbers.
        torch: Reasons that the file shows why PyTorch counts other parameters, a phrase each.
        modules: The requested modules, or all modules, in tree order.
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
    torch: Sequence[str]
    modules: Sequence[StatsModuleJson]


def stats_json(stats: Stats, shown: Container[ModulePath] | None = None) -> StatsJson:
    """Convert statistics to JSON, with the modules in `shown`; None lists all modules."""
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
                "shared": pattern.shared,
                "shapes": [list(shape) for shape in pattern.shapes],
                "dtypes": list(pattern.dtypes),
                "parameters": pattern.count,
                "bytes": pattern.size,
            }
            for pattern in stats.patterns
        ],
        "torch": list(stats.torch),
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
    """Return the name of an element type, such as `float32` for `TensorProto.FLOAT`; None if unknown."""
    return dtype_name(element) if element and element in TensorProto.DataType.values() else None
