"""Nodes with conflicting evidence as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, TypedDict

from rewriter.evidence.certainty import Certainty
from rewriter.insight.conflicts import Conflict, Conflicts
from rewriter.views.escape import as_text
from rewriter.views.json.types import Count

CONFLICTS: Final = "rewriter.conflicts/1"


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
