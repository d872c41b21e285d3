"""Result of replace as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, TypedDict

from onnx import ValueInfoProto

from rewriter.edits.replacement import Formal, Replacement
from rewriter.evidence.metadata import tags
from rewriter.model import metadata
from rewriter.views.escape import as_text
from rewriter.views.json.cutting import ValueJson, value_json
from rewriter.views.json.proof import NumericJson, VerificationJson, numeric_json, verification_json
from rewriter.views.json.rewrite import RefusalJson, refusals_json
from rewriter.views.json.types import Count

REPLACE: Final = "rewriter.replace/1"


class FormalJson(ValueJson):
    """Input of an operator; its type is null unless the model states the same type at every node.

    Attributes:
        stored: Whether a stored tensor of the model is given at every node.
    """

    stored: bool


class ReplacedCallJson(TypedDict):
    """Node of the operator.

    Attributes:
        node: Name of the node.
        module: Module that it replaces.
        call: Number of the call of this module, from 0.
    """

    node: str
    module: str
    call: Count


class ReplaceJson(TypedDict):
    """Modules of an ONNX model, replaced by nodes of one operator.

    Printed by `rewriter replace --json`.

    Attributes:
        domain: Domain of the operator.
        name: Name of the operator.
        inputs: Inputs of the operator, in order.
        results: Outputs of the operator, in order.
        attributes: Attribute of the operator -> its type, as ONNX names it, in lower case.
        body: Number of nodes of the function, without those in graph bodies.
        calls: Nodes of the operator.
        ran: What onnxruntime runs for the operator: `body`, the function of the model; or `kernel`, code of
            its own. Null if the result was not loaded.
        kernel: Comparison of the result with the model, if a kernel runs; else null.
        verification: Comparison of the result with the model; the body of the function is proved.
        refusals: Nodes of the modules that stay outside of the operator, and names that `rewriter flatten`
            cannot restore.
        outputs: Written files, the model last.
        removed: Removed files of a model that the output replaced: its sidecar, and data copies that nothing
            refers to any more.
    """

    schema: Literal["rewriter.replace/1"]
    domain: str
    name: str
    inputs: Sequence[FormalJson]
    results: Sequence[ValueJson]
    attributes: Mapping[str, str]
    body: Count
    calls: Sequence[ReplacedCallJson]
    ran: Literal["body", "kernel"] | None
    kernel: NumericJson | None
    verification: VerificationJson
    refusals: Sequence[RefusalJson]
    outputs: Sequence[str]
    removed: Sequence[str]


def replace_json(found: Replacement) -> ReplaceJson:
    """Convert a replacement to JSON."""
    return {
        "schema": REPLACE,
        "domain": found.operator.domain,
        "name": found.operator.name,
        "inputs": [{**_formal_json(each), "stored": each.is_stored} for each in found.inputs],
        "results": [_formal_json(each) for each in found.results],
        "attributes": found.attributes,
        "body": len(found.function.node),
        "calls": [
            {
                "node": as_text(node.name),
                "module": as_text(metadata.get(node, tags.MODULE) or ""),
                "call": tags.count_in(metadata.get(node, tags.CALL) or "") or 0,
            }
            for node in found.nodes
        ],
        "ran": found.ran.value if found.ran else None,
        "kernel": numeric_json(found.kernel) if found.kernel else None,
        "verification": verification_json(found.verification),
        "refusals": refusals_json(found.refusals),
        "outputs": [str(path) for path in found.outputs],
        "removed": [str(path) for path in found.removed],
    }


def _formal_json(formal: Formal) -> ValueJson:
    return value_json(ValueInfoProto(name=formal.name, type=formal.type))
