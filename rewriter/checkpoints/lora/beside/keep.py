"""Puts the adapters of layers into a model as nodes, and proves that the rest of the model is unchanged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from onnx import ModelProto

from rewriter.basics.nearest import fits_nothing
from rewriter.checkpoints.decisions import by_value
from rewriter.checkpoints.lora.adapter import Adapter
from rewriter.checkpoints.lora.beside.layers import LayerNode, NoLayer, layer_nodes
from rewriter.checkpoints.lora.beside.nodes import KeptLayer, LayerWriter
from rewriter.checkpoints.lora.fitting import AdapterPrefix, prefix_of
from rewriter.checkpoints.lora.low_rank import LowRank
from rewriter.checkpoints.names.held import Held
from rewriter.errors import NotProved, UsageError
from rewriter.model.index.graph import GraphIndex, nodes_within
from rewriter.modules.analysis import Analysis
from rewriter.paths import ROOT, ModulePath

ByValue = Mapping[int, Sequence[Held]]
"""Initializer -> the parameters that it holds."""


@dataclass(frozen=True, slots=True)
class KeptAdapter:
    """An adapter in a model, as nodes of its own.

    Attributes:
        layers: the adapted layers.
        absent: module of the adapter without a layer in the model -> the reason.
        prefix: the prefix of names that differs between the adapter and the model.
    """

    layers: tuple[KeptLayer, ...]
    absent: Mapping[str, str]
    prefix: AdapterPrefix


def keep(analysis: Analysis, adapter: Adapter, chosen: str | None = None) -> tuple[ModelProto, KeptAdapter]:
    """Return a model with the adapters of layers beside the layers, and what was added.

    Args:
        analysis: the model; it is not changed.
        adapter: the adapter.
        chosen: the prefix of the adapter's names that the model lacks, as the user states it.

    Raises:
        UsageError: the model has functions, no module fits, or the adapter scales outputs too, as DoRA does.
        NotProved: something else than the adapters was changed.
    """
    name = analysis.path or "model"
    if analysis.grouped or analysis.model.functions:
        raise UsageError(f"{name}: has functions; rewriter flatten removes them, group them again afterwards")
    absent: dict[str, str] = {}
    wanted: list[tuple[ModulePath, LowRank, list[LayerNode]]] = []
    held = by_value(analysis)
    prefix = _prefix(analysis, held, adapter, chosen)
    for change in adapter.changes:
        module = ModulePath(prefix.key_of(_weight(change))).parent or ROOT
        found = _layers(analysis, held, module, change)
        if isinstance(found, NoLayer):
            absent[str(module)] = found.reason
        else:
            wanted.append((module, change, found))
    writer = LayerWriter(analysis.model)
    kept = tuple(writer.write(*each) for each in wanted)
    writer.finish()
    _demand_rest(analysis.model, writer.model, kept, str(name))
    return writer.model, KeptAdapter(kept, absent, prefix)


def _prefix(analysis: Analysis, held: ByValue, adapter: Adapter, chosen: str | None) -> AdapterPrefix:
    """Return the prefix by which the parameters of an adapter are those of modules in the model."""
    known = {str(each.key) for of_value in held.values() for each in of_value}
    known |= {str(module.path.child("weight")) for module in analysis.tree if module.nodes}
    return prefix_of([*map(_weight, adapter.changes), *adapter.whole], known, chosen)


def _weight(change: LowRank) -> str:
    return str(change.module.child("weight"))


def _layers(
    analysis: Analysis, held: ByValue, module: ModulePath, change: LowRank
) -> list[LayerNode] | NoLayer:
    if change.magnitude is not None:
        return NoLayer("DoRA scales the output of the layer too; leave out --keep to merge it")
    if change.bias is not None:
        return NoLayer("its matrix B has a bias; leave out --keep to merge it")
    if module not in analysis.tree:
        return NoLayer(fits_nothing("module", module, (each.path for each in analysis.tree)))
    return layer_nodes(analysis, held, module, change)


def _demand_rest(before: ModelProto, after: ModelProto, kept: Sequence[KeptLayer], name: str) -> None:
    """Compare a model without its adapters, byte for byte, with the model before.

    Raises:
        NotProved: they differ.
    """
    rest = ModelProto()
    rest.CopyFrom(after)
    nodes = {each for layer in kept for each in layer.nodes}
    tensors = {each for layer in kept for each in layer.tensors}
    names = {new: old for layer in kept for old, new in layer.renamed.items()}
    for body in GraphIndex(rest).bodies:
        for at in reversed(range(len(body.proto.node))):
            if body.proto.node[at].name in nodes:
                del body.proto.node[at]
    for node in nodes_within(rest.graph.node):
        if node.output and node.output[0] in names:
            node.output[0] = names[node.output[0]]
    for at in reversed(range(len(rest.graph.initializer))):
        if rest.graph.initializer[at].name in tensors:
            del rest.graph.initializer[at]
    if rest.SerializeToString(deterministic=True) != before.SerializeToString(deterministic=True):
        raise NotProved(
            f"{name}: more than adapters was added; nothing was written, please report this model"
        )
