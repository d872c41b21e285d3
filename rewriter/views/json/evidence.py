"""Evidence as JSON: nodes with conflicting evidence, and a comparison of the witnesses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, Literal, NotRequired, TypedDict

from rewriter.evidence.certainty import Certainty
from rewriter.insight.conflicts import Conflict, Conflicts
from rewriter.views.escape import as_text
from rewriter.views.json.types import Amount, Count, Keywords
from rewriter.views.witness_agreement import VERDICTS, Comparison, WitnessRow

CONFLICTS: Final = "rewriter.conflicts/1"
SOURCES: Final = "rewriter.sources/1"


class ConflictsOtherJson(TypedDict):
    """Module that contradicts the placement of a node.

    Attributes:
        module: Path of the module.
        sources: Kinds of evidence that name it.
    """

    module: str
    sources: Sequence[str]


class ConflictsNodeJson(TypedDict):
    """One node with conflicting evidence.

    Attributes:
        name: Name of the node; may be empty.
        op: Operator type.
        outputs: Names of the outputs; empty for an omitted output.
        module: Path of the module where the node was placed.
        source: Kind of evidence that placed the node.
        certainty: Certainty of this module.
        others: The modules that other evidence names, and that contradict this one.
    """

    name: str
    op: str
    outputs: Sequence[str]
    module: str
    source: str
    certainty: Certainty
    others: Sequence[ConflictsOtherJson]


class ConflictsJson(TypedDict):
    """Nodes of an ONNX model with conflicting evidence.

    Printed by `rewriter tree --conflicts --json`.

    Attributes:
        nodes: Number of nodes of the model.
        conflicts: The nodes with conflicting evidence, in file order.
    """

    schema: Literal["rewriter.conflicts/1"]
    nodes: Count
    conflicts: Sequence[ConflictsNodeJson]


def conflicts_json(conflicts: Conflicts) -> ConflictsJson:
    """Convert the conflicts of a model to JSON."""
    return {
        "schema": CONFLICTS,
        "nodes": len(conflicts.analysis.tree.placements),
        "conflicts": [_node_json(conflicts, conflict) for conflict in conflicts.found],
    }


def _node_json(conflicts: Conflicts, conflict: Conflict) -> ConflictsNodeJson:
    node, placement = conflicts.analysis.graph.nodes[conflict.node], conflict.placement
    return {
        "name": as_text(node.name),
        "op": as_text(node.op_type),
        "outputs": [as_text(name) for name in node.output],
        "module": as_text(placement.module),
        "source": str(placement.source),
        "certainty": placement.certainty,
        "others": [
            {"module": as_text(module), "sources": list(sources)}
            for module, sources in conflict.others.items()
        ],
    }


class SourcesWitnessVerdictsJson(TypedDict):
    """Number of nodes by verdict against the truth."""

    exact: Count
    ancestor: Count
    wrong: Count
    unplaced: Count


class SourcesWitnessJson(TypedDict):
    """One witness, or all witnesses together.

    Attributes:
        witness: Name of the witness, or `all together`.
        claimed: Number of nodes that the witness claims for a module.
        agreeing: Number of these nodes that were placed in the claimed module.
        parameters: Number of parameters that the witness finds in initializers.
        classes: Number of modules whose class the witness knows.
        seconds: Wall seconds of the witness; for all together, the sum.
        verdicts: Number of nodes of known true module, by verdict; absent without a truth.
    """

    witness: str
    claimed: Count
    agreeing: Count
    parameters: Count
    classes: Count
    seconds: Amount
    verdicts: NotRequired[SourcesWitnessVerdictsJson]


class SourcesAgreementJson(TypedDict):
    """Agreement of two witnesses.

    Attributes:
        both: Number of nodes that both claim.
        same: Number of nodes that both claim for the same module.
    """

    witnesses: Annotated[Sequence[str], Keywords(minItems=2, maxItems=2)]
    both: Count
    same: Count


class SourcesJson(TypedDict):
    """Output of `rewriter tree --compare-sources --json`.

    Attributes:
        nodes: Number of nodes of the model.
        witnesses: The witnesses that state anything, in the order in which they were heard, then all
            together.
        agreement: Agreement of each pair of witnesses that claim nodes.
    """

    schema: Literal["rewriter.sources/1"]
    nodes: Count
    witnesses: Sequence[SourcesWitnessJson]
    agreement: Sequence[SourcesAgreementJson]


def sources_json(comparison: Comparison) -> SourcesJson:
    """Convert a comparison of witnesses to JSON, for `tree --compare-sources`."""
    return {
        "schema": SOURCES,
        "nodes": comparison.nodes,
        "witnesses": [_witness_json(row) for row in comparison.rows],
        "agreement": [
            {"witnesses": list(pair), "both": both, "same": same}
            for pair, (both, same) in comparison.agreement.items()
        ],
    }


def _witness_json(row: WitnessRow) -> SourcesWitnessJson:
    found: SourcesWitnessJson = {
        "witness": row.witness,
        "claimed": row.claimed,
        "agreeing": row.agreeing,
        "parameters": row.parameters,
        "classes": row.classes,
        "seconds": row.seconds,
    }
    if row.verdicts:
        exact, ancestor, wrong, unplaced = (row.verdicts[verdict] for verdict in VERDICTS)
        found["verdicts"] = {"exact": exact, "ancestor": ancestor, "wrong": wrong, "unplaced": unplaced}
    return found
