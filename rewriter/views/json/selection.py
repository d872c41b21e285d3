"""Result of `select` as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal, TypedDict

from rewriter.insight.placement.device_settings import Placing
from rewriter.insight.selected_names import Chosen
from rewriter.modules.analysis import Analysis
from rewriter.options.words import NamedKind
from rewriter.views.escape import as_text
from rewriter.views.json.types import Count, Title

SELECT: Final = "rewriter.select/1"


class SelectNodeJson(TypedDict):
    """One node.

    Attributes:
        name: Name of the node; '' if it has none.
        op: Operator type.
        module: Path of the module of the node; null for an unplaced node.
    """

    name: str
    op: str
    module: str | None


class SelectNamesJson(TypedDict):
    """Names of selected nodes, values or initializers.

    Attributes:
        what: Kind of the named objects.
        modules: Paths of the selected modules; empty if the selection does not restrict modules.
        names: The names, each once, in file order; names that are empty or not UTF-8 are left out.
        nodes: The selected nodes, in file order; nodes of modules below a selected module are included.
        notes: Warnings about the use of the names, one line each.
    """

    schema: Literal["rewriter.select/1"]
    what: NamedKind
    modules: Sequence[str]
    names: Sequence[str]
    nodes: Sequence[SelectNodeJson]
    notes: Sequence[str]


class SelectWishJson(TypedDict):
    """Pattern over module paths, and the device for the matching modules.

    Attributes:
        modules: Number of modules that match.
        nodes: Number of nodes of matching modules and modules below, without those of an earlier pattern.
    """

    pattern: str
    device: str
    modules: Count
    nodes: Count


class SelectPlacingJson(TypedDict):
    """Settings that assign nodes to devices.

    Attributes:
        settings: Session option of onnxruntime -> its value. The options are alternatives.
        unmatched: Patterns that assign no node.
        notes: Warnings about the use of the settings, one line each.
    """

    schema: Literal["rewriter.select/1"]
    settings: Mapping[str, str]
    patterns: Sequence[SelectWishJson]
    unmatched: Sequence[str]
    notes: Sequence[str]


SelectJson = Annotated[
    SelectNamesJson | SelectPlacingJson,
    Title(
        "Names of selected nodes, values or initializers, or settings that assign modules to devices",
        "Printed by `rewriter select --json`; the second form with `--format ort-layers`.",
    ),
]


def chosen_json(analysis: Analysis, chosen: Chosen, notes: Sequence[str] = ()) -> SelectNamesJson:
    """Convert a selection to JSON."""
    placements = analysis.tree.placements
    nodes: list[SelectNodeJson] = []
    for node in chosen.nodes:
        proto, placement = analysis.graph.nodes[node], placements[node]
        nodes.append(
            {
                "name": as_text(proto.name),
                "op": as_text(proto.op_type),
                "module": placement.module if placement else None,
            }
        )
    return {
        "schema": SELECT,
        "what": chosen.what,
        "modules": [module.path for module in chosen.modules],
        "names": list(chosen.names),
        "nodes": nodes,
        "notes": [*chosen.notes, *notes],
    }


def placing_json(placing: Placing) -> SelectPlacingJson:
    """Convert settings for devices to JSON."""
    return {
        "schema": SELECT,
        "settings": dict(placing.settings),
        "patterns": [
            {"pattern": wish.pattern, "device": wish.device, "modules": wish.modules, "nodes": wish.nodes}
            for wish in placing.wishes
        ],
        "unmatched": [wish.pattern for wish in placing.wishes if not wish.nodes],
        "notes": list(placing.notes),
    }
