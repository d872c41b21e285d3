"""The copy of a value that a tap makes an output: an Identity, which does not take every type."""

from __future__ import annotations

from onnx import ModelProto, TensorProto, TypeProto

from rewriter.edits.taps.named_values import homes
from rewriter.edits.taps.names import WantedTap
from rewriter.errors import CannotCut
from rewriter.model.index.graph import GraphIndex
from rewriter.model.operator_set.operators import schema_of, versions_of
from rewriter.refusals import Reason

_OF_FEW_BITS = frozenset({TensorProto.INT4, TensorProto.UINT4, TensorProto.FLOAT4E2M1})
"""Element types of which onnxruntime has casts and no Identity, up to version 1.32."""


def is_copied(graph: GraphIndex, each: WantedTap) -> bool:
    """Whether a tap copies its value; a named value of the main graph becomes an output itself."""
    return each.what != "value" or homes(graph)[each.value] != 0


def demand_identity(model: ModelProto, file: str) -> None:
    """Refuse a model that does not import the operators of ONNX, so that no node of it can copy a value.

    Raises:
        CannotCut: it is such a model.
    """
    if "" not in versions_of(model.opset_import):
        raise CannotCut(
            f"{file}: it imports no operators of ONNX, and an Identity copies each tapped value; import a "
            "version of ai.onnx, or choose values with --value, which become outputs themselves"
        )


def fault_of_copy(model: ModelProto, kind: TypeProto) -> Reason | None:
    """Return the reason why no Identity copies a value of a type; None if one does."""
    schema = schema_of("Identity", "", versions_of(model.opset_import).get("", 0))
    allowed = schema.type_constraints[0].allowed_type_strs if schema else ()
    if (text := _text(kind)) is not None and allowed and text not in allowed:
        return Reason.NO_IDENTITY
    return Reason.NO_IDENTITY if kind.tensor_type.elem_type in _OF_FEW_BITS else None


def _text(kind: TypeProto) -> str | None:
    """Return the text of a type in ONNX's schemas, as `seq(tensor(float))`; None for an unusual type."""
    word = kind.WhichOneof("value")
    if word == "tensor_type" and kind.tensor_type.elem_type in TensorProto.DataType.values():
        return f"tensor({TensorProto.DataType.Name(kind.tensor_type.elem_type).lower()})"
    nested = {"sequence_type": "seq", "optional_type": "optional"}.get(word or "")
    inner = _text(getattr(kind, word).elem_type) if nested and word else None
    return f"{nested}({inner})" if inner else None
