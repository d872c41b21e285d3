"""Seeds nodes that draw random numbers, so that two models draw the same numbers."""

from __future__ import annotations

from onnx import ModelProto, NodeProto, defs, helper

from rewriter.model.index.graph import nodes_within
from rewriter.model.operator_set.operators import canonical, schema_of, versions_of

_SEED = 7


def seed_nodes(model: ModelProto) -> None:
    """Set the attribute `seed` of every node whose ONNX operator has it, unless it is set, in place.

    onnxruntime seeds a node without this attribute by the index of the node, which differs between a model
    and a piece of it.
    """
    graphs = [(model.graph.node, model.opset_import)]
    graphs += [(function.node, function.opset_import) for function in model.functions]
    for nodes, imports in graphs:
        version = versions_of(imports).get("", 0)
        for node in nodes_within(nodes):
            seed = _seed_of(node, version)
            if seed is not None and all(attribute.name != "seed" for attribute in node.attribute):
                node.attribute.append(helper.make_attribute("seed", seed))


def _seed_of(node: NodeProto, version: int) -> float | None:
    """Return the seed in the type of the operator's attribute; None if it has no such attribute."""
    schema = None if canonical(node.domain) else schema_of(node.op_type, "", version)
    attribute = None if schema is None else schema.attributes.get("seed")
    if attribute is None:
        return None
    return _SEED if attribute.type == defs.OpSchema.AttrType.INT else float(_SEED)
