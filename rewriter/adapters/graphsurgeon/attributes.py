"""Converts changed and added attributes of graphsurgeon to ONNX attributes."""

from __future__ import annotations

import onnx_graphsurgeon as gs
from onnx import AttributeProto
from onnx_graphsurgeon.exporters.onnx_exporter import OnnxExporter

from rewriter.adapters.graphsurgeon.constants import exported_dense
from rewriter.errors import UsageError


def exported_attribute(name: str, value: object, original: AttributeProto | None) -> AttributeProto:
    """Return an attribute with a new value and the doc string of the original.

    Raises:
        UsageError: ONNX has no attribute type for the value.
    """
    made = AttributeProto()
    try:
        if isinstance(value, gs.Constant):
            made = AttributeProto(name=name, type=AttributeProto.TENSOR, t=exported_dense(value))
        elif isinstance(value, list | tuple) and not value and original is not None:
            made = AttributeProto(name=name, type=original.type)  # an empty list does not tell its type
        else:
            (made,) = OnnxExporter.export_attributes({name: value})
    except (TypeError, ValueError) as error:
        raise UsageError(f"attribute {name!r} cannot be written: {error}") from None
    if original is not None:
        made.doc_string = original.doc_string
        if not original.HasField("doc_string"):
            made.ClearField("doc_string")
    return made
