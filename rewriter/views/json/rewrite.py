"""Report of a rewrite as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal, NotRequired, TypedDict

from rewriter.passes.base import DifferenceWord
from rewriter.refusals import Refusal
from rewriter.views.escape import as_text
from rewriter.views.json.parts import OriginalJson, PlacementJson, notes_json, original_json, placement_json
from rewriter.views.json.proof import VerificationJson, verification_json
from rewriter.views.json.types import Amount, Count, Keywords, Positive
from rewriter.views.rewrite_report import PassRecord, Report
from rewriter.views.summary import Summary

REWRITE: Final = "rewriter.rewrite/2"


class FileJson(TypedDict):
    """Figures of one model.

    Attributes:
        nodes: Number of nodes, including those in graph bodies and functions.
        initializers: Number of initializers, including those in graph bodies.
        functions: Number of local functions.
        opset: Version of the default domain; null if it is not imported.
        opsets: Domain -> version.
    """

    nodes: Count
    initializers: Count
    functions: Count
    opset: int | None
    opsets: Mapping[str, int]


class DifferenceJson(TypedDict):
    """Two function bodies of repeated modules that could not share a function.

    Attributes:
        module: The module whose body came first.
        other: The module with the other body; the same module if several calls of one module differ.
        node: The first node of this body that differs; null if this body ends before the other.
        other_node: The corresponding node of the other body; null if the other body ends before this one.
        what: Differing property of the nodes; `nodes` if one body ends before the other. Without either
            node, `outputs` of the call or `modules` of the nodes.
        calls: Number of calls with the other body.
    """

    module: str
    other: str
    node: str | None
    other_node: str | None
    what: DifferenceWord
    calls: Positive


class PassJson(TypedDict):
    """One pass that ran.

    Attributes:
        name: The pass as written on the command line, with the options that differ from their defaults.
        changes: Kind of change -> number of changes.
        differences: Bodies of repeated modules that could not share a function, and the first node that
            differs.
        copies: Name of a node that the pass made -> name of the node that it copied.
    """

    name: str
    changes: Mapping[str, Count]
    differences: Sequence[DifferenceJson]
    copies: Mapping[str, str]


class RefusalJson(TypedDict):
    """Change that a pass refused.

    Attributes:
        module: Dotted path as in PyTorch; empty for the root.
        reason: The reason, as a stable identifier.
        witness: Node or value of the input that shows the reason.
    """

    module: str
    reason: Annotated[str, Keywords(pattern="^[a-z][a-z0-9_]*$")]
    witness: str


class RewriteJson(TypedDict):
    """Outcome of a rewrite.

    Printed by `rewriter rewrite --json`.

    Attributes:
        input: Figures of the model as it was read.
        output: Figures of the rewritten model.
        placement: Numbers of placed nodes of the input; functions of an earlier run are inlined.
        placement_after: Numbers of placed nodes of the output, with functions of `group` inlined;
            `--min-coverage` checks these.
        original: The original (`--like`, `carry`), and the agreement with it; absent without one.
        passes: Passes in the order in which they ran.
        refusals: Changes that passes refused.
        seconds: Station of the pipeline -> wall seconds.
        outputs: Written files, the model last.
        removed: Removed files of a model that the output replaced: its sidecar, and data copies that
            nothing refers to any more.
        notes: Notes of the evidence on the model as a whole, one line each; absent without any.
    """

    schema: Literal["rewriter.rewrite/2"]
    input: FileJson
    output: FileJson
    placement: PlacementJson
    placement_after: PlacementJson
    original: NotRequired[OriginalJson]
    passes: Sequence[PassJson]
    refusals: Sequence[RefusalJson]
    verification: VerificationJson
    seconds: Mapping[str, Amount]
    outputs: Sequence[str]
    removed: Sequence[str]
    notes: NotRequired[Sequence[str]]


def rewrite_json(report: Report) -> RewriteJson:
    """Convert the report of a rewrite to JSON."""
    return {
        "schema": REWRITE,
        "input": _file_json(report.before),
        "output": _file_json(report.after),
        "placement": placement_json(report.analysis.tree),
        "placement_after": placement_json(report.tree),
        **original_json(report.analysis),
        "passes": [_pass_json(record) for record in report.passes],
        "refusals": refusals_json(report.refusals),
        "verification": verification_json(report.verification),
        "seconds": dict(report.seconds),
        "outputs": [str(path) for path in report.outputs],
        "removed": [str(path) for path in report.removed],
        **notes_json(report.analysis),
    }


def refusals_json(refusals: Sequence[Refusal]) -> list[RefusalJson]:
    """Convert refusals to JSON."""
    return [
        {"module": refusal.module, "reason": refusal.reason.name.lower(), "witness": refusal.witness}
        for refusal in refusals
    ]


def _file_json(summary: Summary) -> FileJson:
    return {
        "nodes": summary.nodes,
        "initializers": summary.initializers,
        "functions": sum(summary.functions.values()),
        "opset": summary.opset,
        "opsets": summary.opsets,
    }


def _pass_json(record: PassRecord) -> PassJson:
    return {
        "name": record.name,
        "changes": dict(record.changes),
        "differences": [
            {
                "module": difference.module,
                "other": difference.other,
                "node": as_text(difference.node) if difference.node else None,
                "other_node": as_text(difference.other_node) if difference.other_node else None,
                "what": difference.what,
                "calls": difference.calls,
            }
            for difference in record.outcome.differences
        ],
        "copies": {as_text(copy): as_text(original) for copy, original in record.outcome.copies.items()},
    }
