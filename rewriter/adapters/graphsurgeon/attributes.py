"""Writes attributes that users changed or added as ONNX attributes."""

from __future__ import annotations

import onnx_graphsurgeon as gs
from onnx import AttributeProto
from onnx_graphsurgeon.exporters.onnx_exporter import OnnxExporter

from rewriter.adapters.graphsurgeon.constants import exported_dense
from rewriter.refusals import UsageError


def exported_attribute(name: str, value: object, original: AttributeProto | None) -> AttributeProto:
    """An attribute with a new value; all its other fields stay.

    Raises:
        UsageError: ONNX has no attribute of the value's type.
    """
    made = AttributeProto()
    try:
        if isinstance(value, gs.Constant):
            made = AttributeProto(name=name, type=AttributeProto.TENSOR, t=exported_dense(value))
        elif isinstance(value, list | tuple) and not value and original is not None:
            made = AttributeProto(name=name, type=original.type)  # only the type field tells its kind
        else:
            (made,) = OnnxExporter.export_attributes({name: value})
    except (TypeError, ValueError) as error:
        raise UsageError(f"attribute {name!r} cannot be written: {error}") from None
    if original is not None:
        made.doc_string = original.doc_string
        if not original.HasField("doc_string"):
            made.ClearField("doc_string")
    return made
