"""What `select` chose, as JSON; see `schemas/select.schema.json`."""

from __future__ import annotations

from collections.abc import Sequence

from rewriter.insight.chosen import Chosen
from rewriter.insight.placing import Placing
from rewriter.modules.analysis import Analysis
from rewriter.views.escape import as_text
from rewriter.views.json import JsonObject

SELECT = "rewriter.select/1"


def chosen_json(analysis: Analysis, chosen: Chosen, notes: Sequence[str] = ()) -> JsonObject:
    """The modules, nodes and names chosen."""
    placements = analysis.tree.placements
    nodes = []
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
        "what": str(chosen.what),
        "modules": [module.path for module in chosen.modules],
        "names": list(chosen.names),
        "nodes": nodes,
        "notes": [*chosen.notes, *notes],
    }


def placing_json(placing: Placing) -> JsonObject:
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
