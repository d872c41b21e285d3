"""Reads the contents of attributes and of Constant nodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from onnx import AttributeProto, GraphProto, TensorProto

from rewriter.proof.contents import Key
from rewriter.proof.scope import Unprovable

_MESSAGES = ("t", "g", "sparse_tensor", "tp", "tensors", "graphs", "sparse_tensors", "type_protos")


@dataclass(frozen=True, slots=True)
class AttributeContents:
    """Contents of some attributes of one node.

    Attributes:
        texts: name, type and content of each attribute; the content of a graph is left out.
        numbers: for each graph, its number in the `Numbering`; equal graphs have equal numbers.
        bodies: the graphs.
    """

    texts: Key
    numbers: tuple[int, ...]
    bodies: tuple[GraphProto, ...]


NOTHING = AttributeContents((), (), ())
"""No attribute."""


def joined(attributes: Sequence[AttributeContents]) -> AttributeContents:
    """Join the contents of several attributes, sorted by name."""
    ordered = sorted(attributes, key=lambda each: str(each.texts[0][0]))  # type: ignore[index]
    return AttributeContents(
        tuple([text for each in ordered for text in each.texts]),
        tuple([number for each in ordered for number in each.numbers]),
        tuple([body for each in ordered for body in each.bodies]),
    )


def plain(attribute: AttributeProto) -> bytes:
    """Return the serialized content of an attribute that holds numbers, strings or types.

    Raises:
        Unprovable: the attribute does not state its type, but holds a tensor, graph or type.
    """
    bare = AttributeProto()
    bare.CopyFrom(attribute)
    bare.name = ""
    bare.ClearField("doc_string")
    if attribute.type == AttributeProto.UNDEFINED:
        for field, _ in bare.ListFields():
            if field.name in _MESSAGES:
                raise Unprovable(f"attribute {attribute.name!r} has no type")
    return bare.SerializeToString(deterministic=True)


def constant_tensor(name: str, attribute: AttributeProto) -> TensorProto | None:
    """Return the dense tensor in the only attribute of a Constant.

    None if there is none, or if `value_float` or `value_floats` holds NaN.
    """
    made: TensorProto | None = None
    match name, attribute.type:
        case "value", AttributeProto.TENSOR:
            made = attribute.t
        case "value_float", AttributeProto.FLOAT:
            made = _floats([], [attribute.f])
        case "value_floats", AttributeProto.FLOATS:
            made = _floats([len(attribute.floats)], list(attribute.floats))
        case "value_int", AttributeProto.INT:
            made = TensorProto(data_type=TensorProto.INT64, int64_data=[attribute.i])
        case "value_ints", AttributeProto.INTS:
            dims = [len(attribute.ints)]
            made = TensorProto(data_type=TensorProto.INT64, dims=dims, int64_data=attribute.ints)
        case "value_string", AttributeProto.STRING:
            made = TensorProto(data_type=TensorProto.STRING, string_data=[attribute.s])
        case "value_strings", AttributeProto.STRINGS:
            dims = [len(attribute.strings)]
            made = TensorProto(data_type=TensorProto.STRING, dims=dims, string_data=attribute.strings)
    return made


def _floats(dims: list[int], values: list[float]) -> TensorProto | None:
    """Return a tensor of floats; None if any is NaN, since Python's floats may not keep a NaN's payload."""
    if any(value != value for value in values):  # noqa: PLR0124  only NaN differs from itself
        return None
    return TensorProto(data_type=TensorProto.FLOAT, dims=dims, float_data=values)
