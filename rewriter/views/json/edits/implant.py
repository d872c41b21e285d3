"""Result of implant as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, TypedDict

from rewriter.edits.implants import Implant, Implanting
from rewriter.views.escape import as_text
from rewriter.views.json.proof import CertificateJson, NumericJson, certificate_json, numeric_json
from rewriter.views.json.types import Count, Positive

IMPLANT: Final = "rewriter.implant/1"


class ConversionJson(TypedDict):
    """Conversion of a piece to the version of ONNX's operators that the model has.

    Attributes:
        before: Version of the piece.
        after: Version of the model.
        numeric: Numbers of the piece before and after.
    """

    before: Positive
    after: Positive
    numeric: NumericJson


class ImplantedJson(TypedDict):
    """A piece in the model.

    Attributes:
        modules: Paths of the modules that it replaces.
        call: Call of the modules: its number, from 0, or its label; null if each is called once.
        piece: Name of the piece.
        replaced: Number of nodes that it replaces; nodes in graph bodies of these do not count.
        nodes: Number of nodes that were written for it; nodes in graph bodies of these do not count.
        inputs: Input of the piece -> the value of the model that it reads.
        left_out: Values of the model that the modules read and the piece does not.
        outputs: Output of the piece -> the value of the model that it computes.
        conversion: Conversion of the piece; null if it needed none.
        inlined: Whether functions of `rewrite` or `replace` in the piece were inlined.
        draws: Operators of the piece that draw random numbers, so that no two runs agree.
    """

    modules: Sequence[str]
    call: Count | str | None
    piece: str
    replaced: Count
    nodes: Count
    inputs: Mapping[str, str]
    left_out: Sequence[str]
    outputs: Mapping[str, str]
    conversion: ConversionJson | None
    inlined: bool
    draws: Sequence[str]


class ImplantJson(TypedDict):
    """ONNX model with pieces in place of modules.

    Printed by `rewriter implant --json`.

    Attributes:
        flattened: Whether functions that `rewrite` or `replace` had made were inlined.
        implants: The pieces.
        outside: Certificate that all outside of the pieces is equal.
        numeric: Numbers of the model before and after.
        outputs: Written files, the model last.
        removed: Removed files of a model that the output replaced: its sidecar, and data copies that
            nothing refers to any more.
    """

    schema: Literal["rewriter.implant/1"]
    flattened: bool
    implants: Sequence[ImplantedJson]
    outside: CertificateJson
    numeric: NumericJson
    outputs: Sequence[str]
    removed: Sequence[str]


def implant_json(found: Implanting) -> ImplantJson:
    """Convert a model with pieces to JSON."""
    return {
        "schema": IMPLANT,
        "flattened": found.flattened,
        "implants": [_implanted(each) for each in found.implants],
        "outside": certificate_json(found.certificate),
        "numeric": numeric_json(found.numeric),
        "outputs": [str(path) for path in found.outputs],
        "removed": [str(path) for path in found.removed],
    }


def _implanted(each: Implant) -> ImplantedJson:
    matched, conversion = each.seated.seat.matched, each.conversion
    return {
        "modules": [as_text(module) for module in each.target.modules],
        "call": each.target.call,
        "piece": as_text(each.piece),
        "replaced": len(each.seated.seat.border.nodes),
        "nodes": len(each.seated.nodes) + len(each.seated.added),
        "inputs": {as_text(name): as_text(value) for name, value in matched.inputs.items()},
        "left_out": [as_text(value) for value in each.left_out],
        "outputs": {as_text(name): as_text(value) for name, value in matched.outputs.items()},
        "inlined": each.inlined,
        "draws": [as_text(name) for name in each.draws],
        "conversion": None
        if conversion is None
        else {
            "before": conversion.before,
            "after": conversion.after,
            "numeric": numeric_json(conversion.numbers),
        },
    }
