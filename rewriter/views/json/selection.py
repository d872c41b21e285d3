"""What `select` chose, as JSON."""

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
        name: '' for a node without a name.
        module: Null where nobody could place it.
    """

    name: str
    op: str
    module: str | None


class SelectNamesJson(TypedDict):
    """The names chosen.

    Attributes:
        modules: Paths of the modules chosen; empty where nothing was said of modules.
        names: Each once, in file order.
        nodes: The nodes of the modules and of all below them, in file order.
        notes: Hints for the use of this, a line each.
    """

    schema: Literal["rewriter.select/1"]
    what: NamedKind
    modules: Sequence[str]
    names: Sequence[str]
    nodes: Sequence[SelectNodeJson]
    notes: Sequence[str]


class SelectWishJson(TypedDict):
    """A pattern with a device.

    Attributes:
        modules: Modules that fit.
        nodes: Nodes that no earlier pattern took.
    """

    pattern: str
    device: str
    modules: Count
    nodes: Count


class SelectPlacingJson(TypedDict):
    """Settings for devices.

    Attributes:
        settings: Option of an onnxruntime session -> its value; use one of them.
        unmatched: Patterns that give no node to a device.
        notes: Hints for the use of this, a line each.
    """

    schema: Literal["rewriter.select/1"]
    settings: Mapping[str, str]
    patterns: Sequence[SelectWishJson]
    unmatched: Sequence[str]
    notes: Sequence[str]


SelectJson = Annotated[
    SelectNamesJson | SelectPlacingJson,
    Title(
        "Names that modules have in an ONNX file, or settings that place them on devices",
        "Printed by `rewriter select --json`; the second form with `--format ort-layers`.",
    ),
]


def chosen_json(analysis: Analysis, chosen: Chosen, notes: Sequence[str] = ()) -> SelectNamesJson:
    """The selected modules, nodes and names."""
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
    """The settings for devices, and the patterns that match no node."""
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
