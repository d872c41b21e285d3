"""Writes weights of nodes as node data, which Model Explorer overlays on a graph and sums for groups.

The format is defined by `node_data_builder.py` of google-ai-edge/model-explorer: graph id -> results by node
id. Model Explorer's adapter for ONNX (justinchuby/model-explorer-onnx) identifies graphs and nodes by their
names, and unnamed nodes by their position.
"""

from __future__ import annotations

import json

from rewriter.insight.drawn_sizes import Weighing
from rewriter.modules.analysis import Analysis
from rewriter.regions.region_tree import main_node
from rewriter.views.escape import as_text

_GRADIENT = [{"stop": 0, "bgColor": "#ffffff"}, {"stop": 1, "bgColor": "#e8590c"}]


def model_explorer(analysis: Analysis, weighing: Weighing) -> str:
    """Return node data of the main graph.

    The weight of a node in a graph body is added to the node of the main graph around it. Unplaced nodes,
    nodes of unknown weight and nodes in functions are left out.
    """
    graph = analysis.graph
    found: dict[int, float] = {}
    for node, weight in weighing.at(analysis).items():
        holder = main_node(graph, node)
        if weight is not None and graph.body_of[holder] == 0:
            found[holder] = found.get(holder, 0) + weight
    main = [node for node, body in enumerate(graph.body_of) if body == 0]
    ids = {node: as_text(graph.nodes[node].name) or f"<node_{place}>" for place, node in enumerate(main)}
    results = {ids[node]: {"value": weight} for node, weight in sorted(found.items())}
    data = {"name": weighing.name, "results": results, "gradient": _GRADIENT}
    return json.dumps({as_text(analysis.model.graph.name) or "<main>": data}, indent=1)
