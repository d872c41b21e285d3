"""Checks that the nodes of a piece are in one body: nodes of two branches never run together."""

from __future__ import annotations

from collections.abc import Set

from rewriter.cutting.calls import file_of, title_of_body
from rewriter.errors import CannotCut
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.modules.analysis import Analysis

_MOST_NAMED = 3


def in_one_body(analysis: Analysis, nodes: Set[int], wanted: object) -> set[int]:
    """Return the nodes, without constants in other bodies: these are copied with their readers.

    A node inside a body of another node of `nodes` counts as part of it. Nodes of functions are not checked.

    Args:
        analysis: the model.
        nodes: the nodes of the requested modules.
        wanted: the requested modules, for the message.

    Raises:
        CannotCut: nodes that are not constants, or all nodes if all are constants, are in several bodies; the
            main graph counts as a body.
    """
    graph = analysis.graph
    own = {node for node in nodes if nodes.isdisjoint(graph.enclosing(node)) and _is_in_graph(graph, node)}
    computing = {node for node in own if not graph.is_stored(node)}
    bodies = {graph.body_of[node] for node in computing or own}
    if len(bodies) < 2:
        return {node for node in nodes if node not in own or graph.body_of[node] in bodies}
    named = [title_of_body(graph, body) for body in sorted(bodies)]
    more = [f"{len(named) - _MOST_NAMED:,} more"] if len(named) > _MOST_NAMED else []
    places = " and in ".join([*named[:_MOST_NAMED], *more])
    raise CannotCut(
        f"{file_of(analysis)}: {wanted}: its nodes are in {places}, which cannot be one model; choose a "
        "module or a call whose nodes are in one of them, or export each branch as its own file"
    )


def outermost_body(graph: GraphIndex, node: int) -> int:
    """Return the outermost body around a node: the main graph or the body of a function."""
    body = graph.body_of[node]
    while graph.bodies[body].owner != NONE:
        body = graph.bodies[body].outer
    return body


def _is_in_graph(graph: GraphIndex, node: int) -> bool:
    return outermost_body(graph, node) == 0
