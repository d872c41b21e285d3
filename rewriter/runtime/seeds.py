"""Random numbers that come out the same in two models."""

from __future__ import annotations

from collections.abc import Iterable

from onnx import ModelProto, NodeProto, defs, helper

from rewriter.model.graph import graphs_of
from rewriter.model.operators import canonical, schema_of, versions_of

_SEED = 7


def seeded(model: ModelProto) -> ModelProto:
    """The model with a seed on every node that can have one and has none; the model itself where none can.

    onnxruntime seeds a node without one by its number, which differs between a model and a piece of it.
    """
    copy = ModelProto()
    copy.CopyFrom(model)
    opsets = versions_of(model.opset_import)
    found = _seed(copy.graph.node, opsets.get("", 0))
    for function in copy.functions:
        versions = versions_of(function.opset_import)
        found = _seed(function.node, versions.get("", 0)) or found
    return copy if found else model


def _seed(nodes: Iterable[NodeProto], version: int) -> bool:
    found = False
    for node in nodes:
        seed = _seed_of(node, version)
        if seed is not None and all(attribute.name != "seed" for attribute in node.attribute):
            node.attribute.append(helper.make_attribute("seed", seed))
            found = True
        for attribute in node.attribute:
            for graph in graphs_of(attribute):
                found = _seed(graph.node, version) or found
    return found


def _seed_of(node: NodeProto, version: int) -> float | None:
    """The seed, of the type that ONNX gives the operator's attribute; None where it has no such attribute."""
    schema = None if canonical(node.domain) else schema_of(node.op_type, "", version)
    attribute = None if schema is None else schema.attributes.get("seed")
    if attribute is None:
        return None
    return _SEED if attribute.type == defs.OpSchema.AttrType.INT else float(_SEED)
