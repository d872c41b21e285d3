"""The report of a rewrite as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal, NotRequired, TypedDict

from rewriter.passes.base import DifferenceWord
from rewriter.views.escape import as_text
from rewriter.views.json.parts import OriginalJson, PlacementJson, notes_json, original_json, placement_json
from rewriter.views.json.proof import VerificationJson, verification_json
from rewriter.views.json.types import Amount, Count, Keywords, Positive
from rewriter.views.report import PassRecord, Report
from rewriter.views.summary import Summary

REWRITE: Final = "rewriter.rewrite/2"


class FileJson(TypedDict):
    """Figures of one model.

    Attributes:
        nodes: All nodes, those in bodies and functions included.
        initializers: All initializers, likewise.
        functions: Local functions.
        opset: Version of the default domain; null where it is not imported.
        opsets: Domain -> version.
    """

    nodes: Count
    initializers: Count
    functions: Count
    opset: int | None
    opsets: Mapping[str, int]


class DifferenceJson(TypedDict):
    """Two bodies that could not share a function.

    Attributes:
        module: The module whose body came first.
        other: The module with another body; the same where one module is called several times.
        node: The first node that differs; null where the body ends before.
        other_node: Its counterpart; null likewise.
        what: What of the nodes differs; nodes where one body ends before the other.
        calls: Calls that have the other body.
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
        name: The pass as written on the command line.
        changes: What was changed -> how many.
        differences: Bodies of repeated modules that could not share a function, and where they first
            differ.
        copies: Name of a node the pass made -> name of the node it is a copy of.
    """

    name: str
    changes: Mapping[str, Count]
    differences: Sequence[DifferenceJson]
    copies: Mapping[str, str]


class RefusalJson(TypedDict):
    """One thing that was not done.

    Attributes:
        module: Dotted path as PyTorch writes it; empty for the root.
        reason: Why, as a stable identifier.
        witness: Node or value of the input that shows why.
    """

    module: str
    reason: Annotated[str, Keywords(pattern="^[a-z][a-z0-9_]*$")]
    witness: str


class RewriteJson(TypedDict):
    """Outcome of a rewrite.

    Printed by `rewriter rewrite --json`.

    Attributes:
        input: What was read.
        output: What it became.
        placement: How much of what was read was placed; functions of an earlier run are seen through.
        placement_after: How much of what it became is placed; --min-coverage goes by that.
        original: What the original gave (--like, carry), and how far it fits; only where there is one.
        passes: Passes in the order they ran.
        refusals: What was not done.
        seconds: Station -> wall seconds.
        outputs: Files written, in order.
        removed: Files of earlier runs that went with the model that the output took the place of: its
            sidecar, and copies of data that nothing refers to any more.
        notes: What evidence given beside the file has to say of it as a whole, a line each; only where
            there is any.
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
    """What one rewrite did."""
    return {
        "schema": REWRITE,
        "input": _file_json(report.before),
        "output": _file_json(report.after),
        "placement": placement_json(report.analysis.tree),
        "placement_after": placement_json(report.tree),
        **original_json(report.analysis),
        "passes": [_pass_json(record) for record in report.passes],
        "refusals": [
            {"module": refusal.module, "reason": refusal.reason.name.lower(), "witness": refusal.witness}
            for refusal in report.refusals
        ],
        "verification": verification_json(report.verification),
        "seconds": dict(report.seconds),
        "outputs": [str(path) for path in report.outputs],
        "removed": [str(path) for path in report.removed],
        **notes_json(report.analysis),
    }


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
