"""Names that are no text: protobuf hands over what is not UTF-8 as bytes, and takes no bytes back."""

from __future__ import annotations

from collections.abc import Iterator

from onnx import FunctionProto, GraphProto, ModelProto, NodeProto

from rewriter.model.graph import graphs_of
from rewriter.refusals import UnreadableModel


def demand_text(model: ModelProto) -> None:
    """Refuse a model whose nodes and values cannot be moved and renamed, since their names are no text.

    Raises:
        UnreadableModel: some name is not UTF-8.
    """
    for name in _all_names(model):
        if not isinstance(name, str):
            raise UnreadableModel(f"name {name!r} is not UTF-8, so no function can bear it; rename it first")


def _all_names(model: ModelProto) -> Iterator[object]:
    bodies: tuple[GraphProto | FunctionProto, ...] = (model.graph, *model.functions)
    for body in bodies:
        yield from _names(body)
    for imports in (model.opset_import, *(function.opset_import for function in model.functions)):
        yield from (opset.domain for opset in imports)


def _names(body: GraphProto | FunctionProto) -> Iterator[object]:
    yield body.name
    if isinstance(body, FunctionProto):
        yield from (body.domain, body.overload, *body.input, *body.output, *body.attribute)
    else:
        for info in (*body.input, *body.output, *body.value_info):
            yield info.name
        for tensor in body.initializer:
            yield tensor.name
    for node in body.node:
        yield from _names_of_node(node)


def _names_of_node(node: NodeProto) -> Iterator[object]:
    yield from (node.name, node.op_type, node.domain, *node.input, *node.output)
    for attribute in node.attribute:
        yield attribute.name
        yield attribute.ref_attr_name
        for graph in graphs_of(attribute):
            yield from _names(graph)
