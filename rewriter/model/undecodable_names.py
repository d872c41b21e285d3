"""Handles names that are not UTF-8: protobuf reads them as bytes, but accepts no bytes in a text field."""

from __future__ import annotations

from collections.abc import Iterable

from google.protobuf.message import Message
from onnx import FunctionProto, GraphProto, ModelProto

from rewriter.errors import UnreadableModel
from rewriter.model.index.graph import graphs_of


def demand_text(model: ModelProto) -> None:
    """Refuse a model whose nodes and values cannot be moved and renamed, because a name is not UTF-8.

    Raises:
        UnreadableModel: a name is not UTF-8.
    """
    bodies: tuple[GraphProto | FunctionProto, ...] = (model.graph, *model.functions)
    for body in bodies:
        _demand_text_in(body)
    for imports in (model.opset_import, *(function.opset_import for function in model.functions)):
        _demand(opset.domain for opset in imports)


def set_text(message: Message, field: str, text: str | bytes) -> None:
    """Set a string field of a message; bytes that are not UTF-8 are set as protobuf reads them from a file.

    Args:
        message: the message.
        field: a singular field of type string.
        text: the content of the same field in another message.
    """
    if isinstance(text, str):
        setattr(message, field, text)
        return
    number = message.DESCRIPTOR.fields_by_name[field].number
    message.MergeFromString(varint(number << 3 | 2) + varint(len(text)) + text)


def varint(number: int) -> bytes:
    """Return a number as protobuf writes it: seven bits per byte, lowest first."""
    made = b""
    while number > 127:
        made, number = made + bytes([number & 127 | 128]), number >> 7
    return made + bytes([number])


def _demand_text_in(body: GraphProto | FunctionProto) -> None:
    if isinstance(body, FunctionProto):
        _demand((body.name, body.domain, body.overload, *body.input, *body.output, *body.attribute))
    else:
        infos = (info.name for info in (*body.input, *body.output, *body.value_info))
        sparse = (tensor.values.name for tensor in body.sparse_initializer)
        _demand((body.name, *infos, *(tensor.name for tensor in body.initializer), *sparse))
    for node in body.node:
        try:
            # One check per node: join accepts only text, and a loop over the names would be slow.
            "".join((*node.input, *node.output, node.name, node.op_type, node.domain, node.overload))
        except TypeError:
            _demand((*node.input, *node.output, node.name, node.op_type, node.domain, node.overload))
        for attribute in node.attribute:
            _demand((attribute.name, attribute.ref_attr_name))
            for graph in graphs_of(attribute):
                _demand_text_in(graph)


def _demand(names: Iterable[object]) -> None:
    for name in names:
        if not isinstance(name, str):
            raise UnreadableModel(
                f"name {name!r} is not UTF-8, so a rewrite cannot write it; rename it first"
            )
