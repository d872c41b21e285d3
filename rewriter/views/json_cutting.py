"""What programs read of models that were cut from another; see `json`."""

from __future__ import annotations

from onnx import ModelProto, TensorProto, ValueInfoProto

from rewriter.cutting.check import Check
from rewriter.cutting.extract import Extraction
from rewriter.cutting.piece import Piece
from rewriter.cutting.split import Split
from rewriter.views.escape import as_text
from rewriter.views.json import JsonObject, certificate_json, numeric_json

EXTRACT = "rewriter.extract/2"
SPLIT = "rewriter.split/2"


def extract_json(found: Extraction) -> JsonObject:
    """What was taken out of a model, as `extract.schema.json` tells."""
    return {
        "schema": EXTRACT,
        "modules": [as_text(module) for module in found.wanted.modules],
        "call": found.wanted.call,
        "piece": _piece_json(found.piece),
        "constants": found.constants,
        "returning": [as_text(name) for name in found.returning],
        "hoisted": found.hoisted,
        "check": None if found.check is None else _check_json(found.check),
        "outputs": [str(path) for path in found.outputs],
        "removed": [str(path) for path in found.removed],
    }


def split_json(found: Split) -> JsonObject:
    """The parts of a model, as `split.schema.json` tells."""
    return {
        "schema": SPLIT,
        "at": [as_text(str(at)) for at in found.at],
        "parts": [
            {
                "piece": _piece_json(part),
                "feeds": {as_text(name): source for name, source in feeds.items()},
                "check": _check_json(found.checks[number]) if found.checks else None,
            }
            for number, (part, feeds) in enumerate(zip(found.parts, found.feeds, strict=True))
        ],
        "left": {as_text(str(at)): count for at, count in found.left.items()},
        "outputs": [str(path) for path in found.outputs],
        "removed": [str(path) for path in found.removed],
    }


def _piece_json(piece: Piece) -> JsonObject:
    model: ModelProto = piece.model
    fed = set(piece.inputs)
    return {
        "nodes": len(model.graph.node),
        "initializers": len(model.graph.initializer),
        "functions": len(model.functions),
        "inputs": [_value_json(info) for info in model.graph.input if info.name in fed],
        "outputs": [_value_json(info) for info in model.graph.output],
    }


def _value_json(info: ValueInfoProto) -> JsonObject:
    tensor = info.type.tensor_type
    is_tensor = info.type.HasField("tensor_type")
    return {
        "name": as_text(info.name),
        "dtype": TensorProto.DataType.Name(tensor.elem_type).lower() if is_tensor else None,
        "shape": [
            d.dim_value if d.HasField("dim_value") else as_text(d.dim_param) or None for d in tensor.shape.dim
        ]
        if is_tensor
        else None,
    }


def _check_json(check: Check) -> JsonObject:
    return {
        "verdict": str(check.verdict),
        "fault": check.fault,
        "fault_of_whole": check.fault_of_whole,
        "unchecked": check.unchecked,
        "certificate": certificate_json(check.verification.certificate),
        "numeric": numeric_json(check.verification.numeric),
        "unsteady": [as_text(name) for name in check.unsteady],
    }
