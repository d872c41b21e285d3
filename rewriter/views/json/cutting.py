"""Results of extract and split as JSON; see `json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, NotRequired, TypedDict

from onnx import ModelProto, TensorProto, ValueInfoProto

from rewriter.cutting.check import Check
from rewriter.cutting.extract import Extraction
from rewriter.cutting.piece import Piece
from rewriter.cutting.split import Split
from rewriter.verdict.verification import Verdict
from rewriter.views.escape import as_text
from rewriter.views.json.proof import CertificateJson, NumericJson, certificate_json, numeric_json
from rewriter.views.json.types import Count, Positive

EXTRACT: Final = "rewriter.extract/2"
SPLIT: Final = "rewriter.split/2"


class ValueJson(TypedDict):
    """An input or output.

    Attributes:
        name: Its name.
        dtype: Element type in lower case; null for what is no tensor.
        shape: One entry per dimension: a size, a symbol, or null where nobody knows it; null for what is
            no tensor.
    """

    name: str
    dtype: str | None
    shape: Sequence[int | str | None] | None


class PieceJson(TypedDict):
    """A model that was cut from another.

    Attributes:
        nodes: Nodes of its main graph.
        initializers: Initializers.
        functions: Local functions.
        inputs: What it must be fed.
        outputs: What it gives out.
    """

    nodes: Count
    initializers: Count
    functions: Count
    inputs: Sequence[ValueJson]
    outputs: Sequence[ValueJson]


class CheckJson(TypedDict):
    """Whether it computes what the whole does.

    Attributes:
        verdict: equal: proved. different: an input shows other results than rounding explains, or the
            models take or give other things. Not proved: neither.
        fault: What onnx's full checker or onnxruntime has against it; null where both take it.
        fault_of_whole: The checker has something against the whole model as well.
        unchecked: Why neither the checker nor onnxruntime was asked; null where both were.
        unsteady: Outputs that are random in the whole as well and were not compared.
    """

    verdict: Verdict
    fault: str | None
    fault_of_whole: bool
    unchecked: NotRequired[str | None]
    certificate: CertificateJson
    numeric: NumericJson
    unsteady: Sequence[str]


class ExtractJson(TypedDict):
    """Modules taken out of an ONNX model.

    Printed by `rewriter extract --json`.

    Attributes:
        modules: Paths of the modules taken; those inside others left out.
        call: Which call of each, from 0; null where each is called once.
        constants: Nodes that are constants of other modules and came along.
        returning: Inputs that are computed, outside, from its own outputs.
        hoisted: Nodes stand in a body of If, Loop or Scan; values are those of its first iteration.
        check: Null where it was not checked.
        outputs: The files written.
        removed: Files of earlier runs that went with the model that an output took the place of: its
            sidecar, and copies of data that nothing refers to any more.
    """

    schema: Literal["rewriter.extract/2"]
    modules: Sequence[str]
    call: Count | None
    piece: PieceJson
    constants: Count
    returning: Sequence[str]
    hoisted: bool
    check: CheckJson | None
    outputs: Sequence[str]
    removed: Sequence[str]


class SplitPartJson(TypedDict):
    """One part.

    Attributes:
        feeds: Input -> number of the part that gives it; null for an input of the whole.
        check: Null where it was not checked.
    """

    piece: PieceJson
    feeds: Mapping[str, Count | None]
    check: CheckJson | None


class SplitJson(TypedDict):
    """An ONNX model as a chain of models.

    Printed by `rewriter split --json`.

    Attributes:
        at: Modules before which it was cut, in execution order; `block@1` is a second call.
        parts: The parts in order.
        left: Where it was cut -> nodes of that module that stay in an earlier part, which reads them as
            well.
        outputs: The files written.
        removed: Files of earlier runs that went with the model that an output took the place of: its
            sidecar, and copies of data that nothing refers to any more.
    """

    schema: Literal["rewriter.split/2"]
    at: Sequence[str]
    parts: Sequence[SplitPartJson]
    left: Mapping[str, Positive]
    outputs: Sequence[str]
    removed: Sequence[str]


def extract_json(found: Extraction) -> ExtractJson:
    """What was taken out of a model."""
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


def split_json(found: Split) -> SplitJson:
    """The parts of a model."""
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


def _piece_json(piece: Piece) -> PieceJson:
    model: ModelProto = piece.model
    fed = set(piece.inputs)
    return {
        "nodes": len(model.graph.node),
        "initializers": len(model.graph.initializer),
        "functions": len(model.functions),
        "inputs": [_value_json(info) for info in model.graph.input if info.name in fed],
        "outputs": [_value_json(info) for info in model.graph.output],
    }


def _value_json(info: ValueInfoProto) -> ValueJson:
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


def _check_json(check: Check) -> CheckJson:
    return {
        "verdict": check.verdict,
        "fault": check.fault,
        "fault_of_whole": check.fault_of_whole,
        "unchecked": check.unchecked,
        "certificate": certificate_json(check.verification.certificate),
        "numeric": numeric_json(check.verification.numeric),
        "unsteady": [as_text(name) for name in check.unsteady],
    }
