"""Names the module and the node at which a proof by laws stopped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from onnx import ModelProto, NodeProto

from rewriter.errors import RewriterError
from rewriter.model.index.backward_slice import names_read
from rewriter.paths import ModulePath
from rewriter.pipeline.loader import load

Feeds = Mapping[int, frozenset[int]]
"""Position of a node -> the positions of the open nodes that it reads."""


def site_of(model: ModelProto, unproved: Sequence[int]) -> str:
    """Return the innermost module whose outputs are not proved while its inputs are, and its first open node.

    Args:
        model: the first model.
        unproved: positions, in its main graph, of the nodes at which the proof is open, sorted.
    """
    if not unproved:
        return ""
    nodes = {position: model.graph.node[position] for position in unproved}
    writers = {name: position for position, node in nodes.items() for name in node.output if name}
    feeds = {
        position: frozenset(writers[name] for name in names_read([node]) if name in writers)
        for position, node in nodes.items()
    }
    first = next((position for position in unproved if not feeds[position]), unproved[0])
    node = nodes[first]
    module = _innermost(dict(_places(model, nodes)), feeds, first)
    place = f"module {str(module)!r}, " if module else ""
    told = f"node {node.name or node.output[0]!r} ({node.op_type})"
    return f"{place}{told}" + (f", the first of {len(unproved):,} nodes" if len(unproved) > 1 else "")


def _places(model: ModelProto, nodes: Mapping[int, NodeProto]) -> Iterator[tuple[int, ModulePath]]:
    """Yield the module of each node that is placed in one; nothing if the model has no readable tree."""
    try:
        analysis = load(model)
    except RewriterError:
        return
    graph = analysis.graph
    for position, node in nodes.items():
        value = graph.value(next(name for name in node.output if name))
        placement = analysis.tree.placements[graph.producer[value]] if value >= 0 else None
        if placement is not None:
            yield position, placement.module


def _innermost(places: Mapping[int, ModulePath], feeds: Feeds, first: int) -> ModulePath | None:
    """Return the innermost module around a node that reads no open value from outside; None for the root."""
    module = places.get(first)
    while module:
        inside = {position for position, place in places.items() if module.holds(place)}
        if all(feeds[position] <= inside for position in inside):
            return module
        module = module.parent
    return None
