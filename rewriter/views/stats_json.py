"""The numbers of a model as JSON; see `schemas/stats.schema.json`."""

from __future__ import annotations

from collections.abc import Container

from onnx import TensorProto

from rewriter.insight.figures import Figures
from rewriter.insight.stats import Port, Stats
from rewriter.modules.module import Module
from rewriter.paths import ROOT, ModulePath
from rewriter.views.escape import as_text
from rewriter.views.json import JsonObject, placement_json

STATS = "rewriter.stats/1"


def stats_json(stats: Stats, shown: Container[ModulePath] | None = None) -> JsonObject:
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


def _module_json(module: Module, figures: Figures, stats: Stats) -> JsonObject:
    boundary = stats.boundaries.get(module.path)
    return {
        "path": module.path,
        "class": module.class_name,
        "calls": module.calls,
        "nodes": _both(figures.nodes),
        "parameters": _both(figures.parameters),
        "bytes": _both(figures.parameter_bytes),
        "flops": _both(figures.flops),
        "unknown_flops": _both(figures.unknown),
        "operators": dict(figures.operators),
        "inputs": None if boundary is None else [_port_json(port) for port in boundary[0]],
        "outputs": None if boundary is None else [_port_json(port) for port in boundary[1]],
    }


def _both(figure: tuple[int, int]) -> JsonObject:
    return {"own": figure[0], "total": figure[1]}


def _port_json(port: Port) -> JsonObject:
    known = port.known
    dims = None if known is None or known.dims is None else list(known.dims)
    return {"name": as_text(port.name), "dtype": element_name(known.element if known else 0), "shape": dims}


def element_name(element: int) -> str | None:
    """`float32` for `TensorProto.FLOAT`; None where the type is unknown."""
    if not element or element not in TensorProto.DataType.values():
        return None
    name = TensorProto.DataType.Name(element).lower()
    return {"float": "float32", "double": "float64"}.get(name, name)
