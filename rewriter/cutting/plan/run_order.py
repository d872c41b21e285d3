"""The order in which onnxruntime runs the nodes of a graph: depth first, from the nodes without readers."""

from __future__ import annotations

from collections.abc import Collection

from rewriter.cutting.main_graph import MainGraph
from rewriter.model.index.graph import NONE


def run_order(main: MainGraph, nodes: Collection[int]) -> list[int]:
    """Return nodes in the order of onnxruntime's default, sequential execution.

    Of the nodes that feed a node, the one that is later in the file runs first, with all that it needs.

    Args:
        main: the main graph.
        nodes: nodes of one model.
    """
    chosen = set(nodes)
    feeding = {node: _feeding(main, node, chosen) for node in chosen}
    inner = {source for sources in feeding.values() for source in sources}
    waiting = [(node, False) for node in sorted(chosen - inner)]
    seen: set[int] = set()
    found = []
    while waiting:
        node, ready = waiting.pop()
        if ready:
            found.append(node)
        elif node not in seen:
            seen.add(node)
            waiting.append((node, True))
            waiting.extend((source, False) for source in feeding[node] if source not in seen)
    return found


def _feeding(main: MainGraph, node: int, among: Collection[int]) -> list[int]:
    """Return the nodes of `among` whose values a node reads, ascending."""
    producer = main.graph.producer
    return sorted({producer[v] for v in main.reads[node] if producer[v] != NONE and producer[v] in among})
