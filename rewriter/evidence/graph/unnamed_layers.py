"""Finds layers that a file does not name: connected unplaced nodes, some of which compute with a weight.

The readers of such layers do not show their modules: perhaps only the heads of a detector have names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from onnx import TensorProto

from rewriter.evidence.parameters.tensor_roles import operands_of
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.model.tensors import FLOATS
from rewriter.paths import ModulePath, common_ancestor

_TYPES = FLOATS | {TensorProto.INT8, TensorProto.UINT8, TensorProto.INT4, TensorProto.UINT4}
_LAYOUTS = frozenset({"Identity", "Transpose", "Reshape", "Cast", "Squeeze", "Unsqueeze", "DequantizeLinear"})


def weights_of_layers(graph: GraphIndex, modules: Sequence[ModulePath | None]) -> set[int]:
    """Return the values that hold a weight of two axes or more, as stored or in another layout.

    Layouts that a node with a module makes are left out: the module of the weight is known.
    """
    found = {value for value, tensor in graph.initializers.items() if _is_weight(tensor)}
    stored = operands_of(graph).stored
    for node, (_, operator) in enumerate(graph.operators):
        if operator == "Constant":
            tensor = stored.get(next(iter(graph.writes[node]), NONE))
            if tensor is not None and len(tensor.dims) <= 1:
                continue
            tensors = (each.t for each in graph.nodes[node].attribute if each.name == "value")
            found.update(graph.writes[node] if any(map(_is_weight, tensors)) else ())
        elif modules[node] is None and operator in _LAYOUTS and not found.isdisjoint(graph.reads[node]):
            found.update(graph.constants.intersection(graph.writes[node]))
    return found


def places(graph: GraphIndex, modules: Sequence[ModulePath | None]) -> dict[int, ModulePath | None]:
    """Return node of an unnamed layer -> the lowest module that holds the known nodes around it, or None.

    None stands for layers without known nodes before or without known nodes behind. A part behind known nodes
    with at most one layer on any path is left out: its readers, if it has any, show its module.
    """
    weights = weights_of_layers(graph, modules)
    found: dict[int, ModulePath | None] = {}
    for part in _parts(graph, modules):
        layers = _in_a_row(graph, part, weights)
        before = _known(modules, (other for node in part for other in graph.predecessors(node)))
        if layers > 1 or (layers and not before):
            behind = _known(modules, (other for node in part for other in graph.successors(node)))
            around = common_ancestor(sorted(before | behind)) if before and behind else None
            found.update(dict.fromkeys(part, around))
    return found


def _in_a_row(graph: GraphIndex, part: Sequence[int], weights: set[int]) -> int:
    """Return the largest number of layers on one path through a part; only paths in file order count."""
    depth = dict.fromkeys(sorted(part), 0)
    for node in depth:
        before = max((depth.get(other, 0) for other in graph.predecessors(node)), default=0)
        depth[node] = before + (not weights.isdisjoint(graph.reads[node]))
    return max(depth.values())


def _parts(graph: GraphIndex, modules: Sequence[ModulePath | None]) -> Iterator[list[int]]:
    """Yield the connected parts of the nodes that have no module and depend on an input."""
    seen = [module is not None for module in modules]
    for node, written in enumerate(graph.writes):
        seen[node] = seen[node] or not graph.constants.isdisjoint(written)
    for start in range(len(seen)):
        if seen[start]:
            continue
        seen[start] = True
        part = [start]
        for node in part:
            for other in (*graph.predecessors(node), *graph.successors(node)):
                if not seen[other]:
                    seen[other] = True
                    part.append(other)
        yield part


def _known(modules: Sequence[ModulePath | None], nodes: Iterator[int]) -> set[ModulePath]:
    return {module for node in nodes if (module := modules[node]) is not None}


def _is_weight(tensor: TensorProto) -> bool:
    return tensor.data_type in _TYPES and len(tensor.dims) > 1
