"""Result of drop as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, TypedDict

from rewriter.edits.drop import DropOutcome
from rewriter.views.escape import as_text
from rewriter.views.json.proof import VerificationJson, verification_json
from rewriter.views.json.types import Count
from rewriter.views.rewrite_report import Report

DROP: Final = "rewriter.drop/1"


class DropJson(TypedDict):
    """Modules removed from an ONNX model, with all that depends on them or was needed only by them.

    Printed by `rewriter drop --json`.

    Attributes:
        flattened: Whether functions that `rewrite` or `replace` had made were inlined.
        modules: Paths of the removed modules; a module inside another removed module is not listed.
        nodes: Number of removed nodes of the main graph.
        others: Number of removed nodes that are in none of the modules.
        removed_outputs: Outputs of the model that are gone.
        removed_inputs: Inputs of the model that are gone, since only removed nodes read them.
        removed_initializers: Initializers that are gone.
        removed_functions: Local functions that are gone.
        outputs: Written files, the model last.
        removed: Removed files of a model that the output replaced: its sidecar, and data copies that
            nothing refers to any more.
    """

    schema: Literal["rewriter.drop/1"]
    flattened: bool
    modules: Sequence[str]
    nodes: Count
    others: Count
    removed_outputs: Sequence[str]
    removed_inputs: Sequence[str]
    removed_initializers: Sequence[str]
    removed_functions: Sequence[str]
    verification: VerificationJson
    outputs: Sequence[str]
    removed: Sequence[str]


def drop_json(report: Report) -> DropJson:
    """Convert the report of a drop to JSON."""
    found = report.outcome_of(DropOutcome)
    return {
        "schema": DROP,
        "flattened": report.analysis.grouped,
        "modules": list(found.modules),
        "nodes": found.nodes,
        "others": found.others,
        "removed_outputs": [as_text(name) for name in found.interface.removed],
        "removed_inputs": [as_text(name) for name in found.interface.removed_inputs],
        "removed_initializers": [as_text(name) for name in found.initializers],
        "removed_functions": [as_text(name) for name in found.functions],
        "verification": verification_json(report.verification),
        "outputs": [str(path) for path in report.outputs],
        "removed": [str(path) for path in report.removed],
    }
