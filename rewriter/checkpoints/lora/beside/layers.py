"""Finds the nodes that compute a layer, beside which its adapter can be computed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from onnx import AttributeProto

from rewriter.basics.display import listed
from rewriter.checkpoints.lora.low_rank import LowRank
from rewriter.checkpoints.names.held import Held
from rewriter.checkpoints.tensors.unarranged import is_given
from rewriter.evidence.parameters.stored_tensors import Stored
from rewriter.evidence.parameters.tensor_roles import operands_of
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.modules.analysis import Analysis
from rewriter.paths import ModulePath

_WEIGHTS = {"MatMul": 1, "Gemm": 1, "Conv": 1, "Gather": 0}
"""Operator of a layer -> the position of its weight."""
_INPUTS = {"MatMul": 0, "Gemm": 0, "Conv": 0, "Gather": 1}
_PLAIN: Mapping[str, Mapping[str, float]] = {
    "Gemm": {"alpha": 1.0, "transA": 0},
    "Conv": {"group": 1},
    "Gather": {"axis": 0},
}
"""Attributes that must have this value, if the node states them."""
_WAY = frozenset({"Transpose", "Identity"})
"""Operators between a stored weight and the node of the layer."""
_LONGEST_WAY = 8


@dataclass(frozen=True, slots=True)
class LayerNode:
    """A node that multiplies with the weight of a layer.

    Attributes:
        node: the node, in the index of the model.
        operator: its operator.
        input: the name of its activation.
        weight: the stored weight.
    """

    node: int
    operator: str
    input: str
    weight: Stored


@dataclass(frozen=True, slots=True)
class NoLayer:
    """The reason why no node of a module is its layer."""

    reason: str


def layer_nodes(
    analysis: Analysis, held: Mapping[int, Sequence[Held]], module: ModulePath, change: LowRank
) -> list[LayerNode] | NoLayer:
    """Return the nodes of a module that multiply with its weight: one for each call.

    Args:
        analysis: the model.
        held: initializer -> the parameters that it holds.
        module: the module.
        change: the adapter of the module.
    """
    graph = analysis.graph
    own = analysis.tree[module].nodes
    found: dict[str, list[LayerNode]] = {}
    for value, layer in _multiplying(graph, own):
        if not _fits(graph, layer, change):
            continue
        parameters = held.get(value, ())
        if not any(map(is_given, parameters)):
            return NoLayer(
                f"{graph.value_names[value]} may hold something else than its weight{_how(parameters)}"
            )
        found.setdefault(str(parameters[0].key), []).append(layer)
    if len(found) == 1:
        return next(iter(found.values()))
    if found:
        return NoLayer(f"it multiplies with {listed(found)}, and each may be its weight")
    operators = listed(dict.fromkeys(graph.operators[node][1] for node in own)) or "none"
    return NoLayer(
        f"its nodes ({operators}) have no MatMul, Gemm, Conv or Gather with its weight; it may have been "
        "quantised, or fused into another node"
    )


def _how(held: Sequence[Held]) -> str:
    """Return how a tensor holds a parameter, as the end of a text; '' if that is not known."""
    told = [each.claim.formula or each.claim.detail or str(each.claim.holds or "") for each in held]
    return f": {told[0]}" if told and told[0] else ""


def _multiplying(graph: GraphIndex, nodes: Iterable[int]) -> Iterator[tuple[int, LayerNode]]:
    """Yield the nodes that multiply with a stored tensor or with its transpose, with the tensor."""
    stored = operands_of(graph).stored
    for node in nodes:
        domain, operator = graph.operators[node]
        reads = graph.reads[node]
        if domain not in ("", "ai.onnx") or operator not in _WEIGHTS or len(reads) < 2:
            continue
        value, activation = _origin(graph, reads[_WEIGHTS[operator]]), reads[_INPUTS[operator]]
        if value in stored and stored[value].is_float and activation != NONE:
            yield value, LayerNode(node, operator, str(graph.value_names[activation]), stored[value])


def _origin(graph: GraphIndex, value: int) -> int:
    """Return the value from which operators that only move elements made a value."""
    for _ in range(_LONGEST_WAY):
        node = graph.producer[value] if value != NONE else NONE
        if node == NONE or graph.operators[node][1] not in _WAY:
            break
        value = graph.reads[node][0]
    return value


def _fits(graph: GraphIndex, layer: LayerNode, change: LowRank) -> bool:
    """Whether a node may be the layer of an adapter: its operator, attributes and the shape of its weight."""
    told = {each.name: _value(each) for each in graph.nodes[layer.node].attribute}
    if any(told.get(name, plain) != plain for name, plain in _PLAIN.get(layer.operator, {}).items()):
        return False
    dims = layer.weight.dims
    if change.is_embedding:
        return layer.operator == "Gather" and dims == change.shape
    if layer.operator == "Conv":
        return len(dims) > 2 and dims == change.shape
    return layer.operator in ("MatMul", "Gemm") and dims in (change.shape, change.shape[::-1])


def _value(attribute: AttributeProto) -> float | int:
    return attribute.f if attribute.type == AttributeProto.FLOAT else attribute.i
