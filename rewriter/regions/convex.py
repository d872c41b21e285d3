"""Makes all regions callable: the parts of every level must form an acyclic graph.

The level of a region consists of its own nodes and the regions that it calls; these are its parts. An edge
between two nodes belongs to the level of the innermost region around both, and connects the parts that hold
its ends. A level with a cycle has no valid order. Tarjan's strongly connected components ("Depth-first search
and linear graph algorithms", 1972) find all cycles of all levels in one sweep, in time linear in nodes
and edges for a given depth.

`cycle_breaking` decides which region of a cycle changes, and how.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rewriter.errors import UnreadableModel
from rewriter.evidence.claims import Claim
from rewriter.model.index.graph import GraphIndex
from rewriter.modules.module_tree import ModuleTree
from rewriter.refusals import Refusal
from rewriter.regions.cycle_breaking import CycleBreaker
from rewriter.regions.region_tree import TOP, Regions, edges_of, name_of, shared_calls

Part = tuple[bool, int]
"""A part of a level: (False, node) or (True, region)."""


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
    breaker: CycleBreaker | None = None
    while cycles := _cycles(graph, regions):
        if breaker is None:
            edges = tuple(edges_of(graph))
            breaker = CycleBreaker(graph, regions, tree, claims, edges, set(regions.outside))
        breaker.touched.clear()
        for cycle in cycles:
            circular = [number for is_region, number in cycle if is_region]
            if not circular:
                name = name_of(graph, cycle[0][1])
                raise UnreadableModel(f"node {name!r} feeds itself through other nodes; export it again")
            if breaker.touched and breaker.is_stale(circular):
                continue  # an earlier change touched this cycle; the next sweep finds the rest of it
            refusals.extend(breaker.resolve(circular))
    return refusals


def level_edges(graph: GraphIndex, regions: Regions) -> Iterator[tuple[int, Part, Part]]:
    """Yield (region, part, part that must come after it) for every edge, at its level; some twice."""
    chains = regions.chains()
    chain_of = [chains[number or TOP] for number in regions.region_of]
    for source, target in edges_of(graph):
        ours, theirs = chain_of[source], chain_of[target]
        if ours is theirs:  # the usual case
            if source != target:
                yield ours[-1], (False, source), (False, target)
            continue
        together = shared_calls(ours, theirs)
        left_part = (True, ours[together]) if together < len(ours) else (False, source)
        right_part = (True, theirs[together]) if together < len(theirs) else (False, target)
        if left_part != right_part:
            yield ours[together - 1], left_part, right_part


def _cycles(graph: GraphIndex, regions: Regions) -> list[list[Part]]:
    """Return, over all levels, the strongly connected components of more than one part."""
    after: dict[Part, list[Part]] = {}
    for _, left, right in level_edges(graph, regions):
        after.setdefault(left, []).append(right)
    return [component for component in _components(after) if len(component) > 1]


def _components(after: dict[Part, list[Part]]) -> Iterator[list[Part]]:
    """Yield strongly connected components, by Tarjan's algorithm without recursion."""
    index: dict[Part, int] = {}
    low: dict[Part, int] = {}
    path: list[Part] = []
    on_path: set[Part] = set()
    for start, first in after.items():
        if start in index:
            continue
        stack = [(start, iter(first))]
        index[start] = low[start] = len(index)
        path.append(start)
        on_path.add(start)
        while stack:
            part, successors = stack[-1]
            for successor in successors:
                if successor not in index:
                    index[successor] = low[successor] = len(index)
                    path.append(successor)
                    on_path.add(successor)
                    stack.append((successor, iter(after.get(successor, ()))))
                    break
                if successor in on_path:
                    low[part] = min(low[part], index[successor])
            else:
                stack.pop()
                if stack:
                    low[stack[-1][0]] = min(low[stack[-1][0]], low[part])
                if low[part] == index[part]:
                    component = [path.pop()]
                    while component[-1] != part:
                        component.append(path.pop())
                    on_path.difference_update(component)
                    yield component
