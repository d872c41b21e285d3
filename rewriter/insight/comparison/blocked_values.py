"""Finds values in a blocked layout, which have the shape of others, but their elements in another order.

With its optimisations for processors, onnxruntime computes convolutions on blocks of channels. It writes such
operators in the domain `com.microsoft.nchwc`; `ReorderOutput` ends the layout. Other operators between them,
such as `Mul`, keep the names of their results.
"""

from __future__ import annotations

from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.model.index.index_cache import once_per_index

_BLOCKED, _END = "com.microsoft.nchwc", "ReorderOutput"


@once_per_index
def blocked_values(graph: GraphIndex) -> frozenset[int]:
    """Return the values in the blocked layout: results of its operators, and what is computed from them."""
    waiting = [node for node, proto in enumerate(graph.nodes) if proto.domain == _BLOCKED]
    found: set[int] = set()
    while waiting:
        node = waiting.pop()
        if graph.nodes[node].op_type == _END:
            continue
        for value in graph.writes[node]:
            if value != NONE and value not in found:
                found.add(value)
                waiting.extend(graph.readers[value])
    return frozenset(found)
