"""Random numbers that come out the same in two models."""

from __future__ import annotations

from collections.abc import Iterable

from onnx import ModelProto, NodeProto, defs, helper

from rewriter.model.graph import graphs_of
from rewriter.model.operators import canonical

_SEED = 7


def seeded(model: ModelProto) -> ModelProto:
    """The model with a seed on every node that can have one and has none; the model itself where none can.

    onnxruntime seeds a node without one by its number, which differs between a model and a piece of it.
    """
    copy = ModelProto()
    copy.CopyFrom(model)
    opsets = {canonical(each.domain): each.version for each in model.opset_import}
    found = _seed(copy.graph.node, opsets.get("", 0))
    for function in copy.functions:
        versions = {canonical(each.domain): each.version for each in function.opset_import}
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
    if canonical(node.domain) or not isinstance(node.op_type, str):
        return None
    try:
        attribute = defs.get_schema(node.op_type, version).attributes.get("seed")
    except defs.SchemaError:
        return None
    if attribute is None:
        return None
    return _SEED if attribute.type == defs.OpSchema.AttrType.INT else float(_SEED)
