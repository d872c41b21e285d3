"""Names that are no text: protobuf hands over what is not UTF-8 as bytes, and takes no bytes back."""

from __future__ import annotations

from collections.abc import Iterator

from google.protobuf.message import Message
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
            raise UnreadableModel(
                f"name {name!r} is not UTF-8, so what bears it cannot move; rename it first"
            )


def set_text(message: Message, field: str, text: str | bytes) -> None:
    """Set a text of a message; what is not UTF-8 goes in as protobuf reads it from a file.

    Args:
        message: the message.
        field: a singular field of type string.
        text: what another message holds there.
    """
    if isinstance(text, str):
        setattr(message, field, text)
        return
    number = message.DESCRIPTOR.fields_by_name[field].number
    message.MergeFromString(varint(number << 3 | 2) + varint(len(text)) + text)


def varint(number: int) -> bytes:
    """A number as protobuf writes it: seven bits to a byte, the lowest first."""
    made = b""
    while number > 127:
        made, number = made + bytes([number & 127 | 128]), number >> 7
    return made + bytes([number])


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
