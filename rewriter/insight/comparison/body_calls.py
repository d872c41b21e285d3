"""Finds the calls of modules in bodies of If, Loop and Scan, with their inputs and outputs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from rewriter.model.index.graph import NONE, Body, GraphIndex
from rewriter.model.index.index_cache import once_per_index
from rewriter.modules.analysis import Analysis
from rewriter.paths import ModulePath
from rewriter.regions.callers import Callers


def calls_in_bodies(analysis: Analysis) -> dict[tuple[ModulePath, int], list[int]]:
    """Return (module, call) -> the nodes in graph bodies of the call and of all modules below.

    Calls without such nodes are left out.
    """
    graph, tree = analysis.graph, analysis.tree
    inside = [node for node, body in enumerate(graph.body_of) if graph.bodies[body].owner != NONE]
    found: dict[tuple[ModulePath, int], list[int]] = {}
    if not inside:
        return found
    callers = Callers(graph, tree)
    known: dict[tuple[ModulePath, int], list[tuple[ModulePath, int]]] = {}
    for node in inside:
        placement = tree.placements[node]
        if placement is None:
            continue
        path, call = placement.home or (placement.module, placement.call)
        if path not in tree:
            continue
        if (path, call) not in known:
            around = [each for each in (path, *path.ancestors()) if tree[each].calls]
            known[path, call] = [(each, callers.of(path, call, each)) for each in around]
        for place in known[path, call]:
            found.setdefault(place, []).append(node)
    return found


def ends_of(graph: GraphIndex, nodes: Collection[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the values that other nodes read from a set of nodes, and those that the set reads from others.

    Both are in the order of the file. Inputs of bodies that nodes of the set own are left out.
    """
    own = set(nodes)
    written = [value for node in nodes for value in graph.writes[node] if value != NONE]
    outputs = [value for value in written if not own.issuperset(graph.readers[value])]
    read = [value for node in nodes for value in graph.reads[node] if value != NONE]
    bodies = _bodies_by_owner(graph)
    for body in (body for node in nodes for body in bodies.get(node, ())):
        read += [value for value in body.results if value != NONE]
        written += body.formals
    made, constants = set(written), graph.constants
    inputs = (value for value in read if value not in made and value not in constants)
    return tuple(outputs), tuple(dict.fromkeys(inputs))


@once_per_index
def _bodies_by_owner(graph: GraphIndex) -> Mapping[int, Sequence[Body]]:
    """Map each node with graph bodies to these bodies."""
    found: dict[int, list[Body]] = {}
    for body in graph.bodies:
        if body.owner != NONE:
            found.setdefault(body.owner, []).append(body)
    return found
