"""Results of extract and split as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, NotRequired, TypedDict

from onnx import ModelProto, TensorProto, ValueInfoProto

from rewriter.cutting.check import Check
from rewriter.cutting.extract import Extraction
from rewriter.cutting.piece import Piece
from rewriter.cutting.plan.footprint import Footprint
from rewriter.cutting.split import Split
from rewriter.verdict.verification import Verdict
from rewriter.views.escape import as_text
from rewriter.views.json.proof import CertificateJson, NumericJson, certificate_json, numeric_json
from rewriter.views.json.types import Count, Positive

EXTRACT: Final = "rewriter.extract/2"
SPLIT: Final = "rewriter.split/2"


class ValueJson(TypedDict):
    """Input or output of a model.

    Attributes:
        name: Name of the value.
        dtype: ONNX's name of the element type, in lower case (`float`); null if the value is not a tensor.
        shape: One entry per dimension: a size, a symbol, or null if unknown; empty for a scalar; null for an
            unknown rank, and if the value is not a tensor.
    """

    name: str
    dtype: str | None
    shape: Sequence[int | str | None] | None


class PieceJson(TypedDict):
    """Model that was cut from another.

    Attributes:
        nodes: Number of nodes of the main graph.
        initializers: Number of dense initializers of the main graph.
        functions: Number of local functions.
        inputs: Inputs without an initializer, which must be fed.
        outputs: Outputs of the model.
    """

    nodes: Count
    initializers: Count
    functions: Count
    inputs: Sequence[ValueJson]
    outputs: Sequence[ValueJson]


class CheckJson(TypedDict):
    """Result of the check that a piece is valid and computes the same as its part of the whole model.

    Attributes:
        verdict: equal: proved to compute the same, and valid if the whole model is. different: the same
            arrays cannot serve both, or results differ by more than rounding. not proved: otherwise.
        fault: Error of onnx's full checker or of onnxruntime on the piece; null if both accept it.
        fault_of_whole: Whether the tool that rejects the piece also rejects the whole model.
        unchecked: Reason why the check by these tools was not completed; null if it was.
        unsteady: Outputs that were not compared, because they are random in the whole model too.
    """

    verdict: Verdict
    fault: str | None
    fault_of_whole: bool
    unchecked: NotRequired[str | None]
    certificate: CertificateJson
    numeric: NumericJson
    unsteady: Sequence[str]


class ExtractJson(TypedDict):
    """Modules extracted from an ONNX model.

    Printed by `rewriter extract --json`.

    Attributes:
        modules: Paths of the extracted modules; a module inside another extracted module is not listed.
        call: Extracted call of each module: its number, from 0, or the label that was asked for, such as
            `then`; null if each is called once.
        constants: Number of extracted nodes that are constants of other modules or unplaced constants.
        returning: Inputs that nodes outside the piece compute from outputs of the piece.
        hoisted: Whether extracted nodes come from a graph body of If, Loop or Scan; the piece is then
            compared with the first iteration of that body.
        check: Check of the piece; null if it was not checked.
        outputs: Written files, the model last.
        removed: Removed files of a model that an output replaced: its sidecar, and data copies that
            nothing refers to any more.
    """

    schema: Literal["rewriter.extract/2"]
    modules: Sequence[str]
    call: Count | str | None
    piece: PieceJson
    constants: Count
    returning: Sequence[str]
    hoisted: bool
    check: CheckJson | None
    outputs: Sequence[str]
    removed: Sequence[str]


class FootprintJson(TypedDict):
    """Predicted memory of a part, in bytes.

    Attributes:
        weights: Initializers and constants that the part reads.
        inputs: Inputs of the part.
        activations: The most that computed values, outputs among them, take at once.
        total: The sum of these.
        unknown: Reason -> number of nodes whose memory is not counted, wholly or in part.
    """

    weights: Count
    inputs: Count
    activations: Count
    total: Count
    unknown: Mapping[str, Positive]


class SplitPartJson(TypedDict):
    """One part.

    Attributes:
        feeds: Input -> number of the part that computes it; null for an input of the whole model.
        check: Check of the part; null if it was not checked.
        memory: Predicted memory; null if the cuts were given.
    """

    piece: PieceJson
    feeds: Mapping[str, Count | None]
    check: CheckJson | None
    memory: NotRequired[FootprintJson | None]


class SplitJson(TypedDict):
    """ONNX model, split into a chain of models.

    Printed by `rewriter split --json`.

    Attributes:
        at: Modules before which the model was cut, in execution order; `block@1` means the
            second call of `block`.
        parts: The parts, in execution order.
        left: Cut -> number of nodes of its module that stay in earlier parts, because earlier parts read
            their results; cuts without such nodes are left out.
        outputs: Written files.
        removed: Removed files of models that the parts replaced: sidecars, and data copies that nothing
            refers to any more.
    """

    schema: Literal["rewriter.split/2"]
    at: Sequence[str]
    parts: Sequence[SplitPartJson]
    left: Mapping[str, Positive]
    outputs: Sequence[str]
    removed: Sequence[str]


def extract_json(found: Extraction) -> ExtractJson:
    """Convert an extraction to JSON."""
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
    """Convert a split to JSON."""
    return {
        "schema": SPLIT,
        "at": [as_text(str(at)) for at in found.at],
        "parts": [
            {
                "piece": _piece_json(part),
                "feeds": {as_text(name): source for name, source in feeds.items()},
                "check": _check_json(found.checks[number]) if found.checks else None,
                "memory": _footprint_json(found.memory[number]) if found.memory else None,
            }
            for number, (part, feeds) in enumerate(zip(found.parts, found.feeds, strict=True))
        ],
        "left": {as_text(str(at)): count for at, count in found.left.items()},
        "outputs": [str(path) for path in found.outputs],
        "removed": [str(path) for path in found.removed],
    }


def _footprint_json(memory: Footprint) -> FootprintJson:
    return {
        "weights": memory.weights,
        "inputs": memory.inputs,
        "activations": memory.activations,
        "total": memory.total,
        "unknown": {as_text(reason): count for reason, count in memory.unknown.items()},
    }


def _piece_json(piece: Piece) -> PieceJson:
    model: ModelProto = piece.model
    fed = set(piece.inputs)
    return {
        "nodes": len(model.graph.node),
        "initializers": len(model.graph.initializer),
        "functions": len(model.functions),
        "inputs": [value_json(info) for info in model.graph.input if info.name in fed],
        "outputs": [value_json(info) for info in model.graph.output],
    }


def value_json(info: ValueInfoProto) -> ValueJson:
    """Convert the name and type of a value to JSON."""
    tensor = info.type.tensor_type
    is_tensor = info.type.HasField("tensor_type")
    return {
        "name": as_text(info.name),
        "dtype": TensorProto.DataType.Name(tensor.elem_type).lower() if is_tensor else None,
        "shape": [
            d.dim_value if d.HasField("dim_value") else as_text(d.dim_param) or None for d in tensor.shape.dim
        ]
        if tensor.HasField("shape")
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
