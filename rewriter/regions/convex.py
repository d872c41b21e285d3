"""Makes all regions callable: the parts of every level must form an acyclic graph.

A level (see `level_graphs`) with a cycle has no valid order. Tarjan's strongly connected components
("Depth-first search and linear graph algorithms", 1972) find all cycles of all levels in one sweep, in time
linear in nodes and edges for a given depth. `cycle_breaking` decides which region of a cycle changes, and
how. A change may leave or make other cycles, so a search follows. It begins at the parts of the last cycles
and at the parts that the changes connected anew, so it stays in the levels of these parts.
"""

from __future__ import annotations

from collections.abc import Sequence

from rewriter.errors import UnreadableModel
from rewriter.evidence.claims import Claim
from rewriter.model.index.graph import GraphIndex
from rewriter.modules.module_tree import ModuleTree
from rewriter.refusals import Refusal
from rewriter.regions.cycle_breaking import CycleBreaker
from rewriter.regions.level_graphs import LevelGraphs
from rewriter.regions.region_tree import Regions, edges_of, name_of


def make_convex(
    graph: GraphIndex, regions: Regions, tree: ModuleTree, claims: Sequence[Sequence[Claim]]
) -> list[Refusal]:
    """Move nodes, cut or dissolve regions, in place, until every level is acyclic.

    The loop ends, since every step makes a region convex, removes a region, or moves nodes on other evidence,
    which happens once per node.

    Args:
        graph: the model.
        regions: the regions.
        tree: the modules of the calls.
        claims: node -> every claim on it.

    Returns:
        A refusal for every region that was cut or dissolved, with the name of a node as witness.

    Raises:
        UnreadableModel: nodes of one level form a cycle that contains no region.
    """
    refusals: list[Refusal] = []
    edges = tuple(edges_of(graph))
    levels = LevelGraphs(regions, edges)
    if not (cycles := levels.cycles()):
        return refusals
    breaker = CycleBreaker(graph, regions, tree, claims, edges, set(regions.outside))
    while cycles:
        breaker.touched.clear()
        breaker.moved.clear()
        for cycle in cycles:
            circular = [number for is_region, number in cycle if is_region]
            if not circular:
                name = name_of(graph, cycle[0][1])
                raise UnreadableModel(f"node {name!r} feeds itself through other nodes; export it again")
            if breaker.touched and breaker.is_stale(circular):
                continue  # an earlier change touched this cycle; the next search finds the rest of it
            refusals.extend(breaker.resolve(circular))
        levels.update(breaker.moved)
        cycles = levels.cycles()
    return refusals
