"""Whether a set of regions can be calls: every level of nesting must contract to an acyclic graph.

An edge between two nodes concerns one level alone, that of the innermost region around both: there it runs
between the two parts (nodes or regions) that hold its ends. A level whose parts form a cycle cannot be put in
order; Tarjan's strongly connected components ("Depth-first search and linear graph algorithms", 1972) find
all cycles of all levels in one sweep, linear in nodes, edges and depth.

Who yields: of the regions on a cycle the one with the fewest nodes. Where a path leaves and re-enters it, it
is cut into numbered segments, none of which has such a path, and the node outside that the path passes is the
witness. Where none does (two regions, each convex, may feed each other) its nodes go to its caller.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from rewriter.model.graph import NONE, GraphIndex
from rewriter.refusals import Reason, Refusal, UnreadableModel
from rewriter.regions.calls import TOP, Regions, shared_calls
from rewriter.regions.edges import Edge, find_edges

Part = tuple[bool, int]
"""A part of a level: (False, node) or (True, region)."""


def make_convex(graph: GraphIndex, regions: Regions) -> list[Refusal]:
    """Cut or dissolve regions, in place, until every level is acyclic; what yielded, with its witness.

    Ends, since every step makes a region convex or removes one.

    Raises:
        UnreadableModel: nodes of the graph feed each other, regions or not.
    """
    edges = find_edges(graph)
    refusals = []
    while cycles := _cycles(edges, regions):
        for cycle in cycles:
            circular = [number for is_region, number in cycle if is_region]
            if not circular:
                raise UnreadableModel(
                    f"node {_name(graph, [cycle[0][1]])!r} feeds itself through other nodes; export it again"
                )
            yielding = min(circular, key=lambda number: (_size(regions, number), number))
            refusals.append(_split(graph, regions, yielding, edges))
    return refusals


def level_edges(edges: Sequence[Edge], regions: Regions) -> Iterator[tuple[int, Part, Part]]:
    """(region, part, part behind it): every edge at the level it concerns, some twice."""
    chains = regions.chains()
    for source, target in edges:
        ours, theirs = chains[regions.region_of[source] or TOP], chains[regions.region_of[target] or TOP]
        together = shared_calls(ours, theirs)
        left_part = (True, ours[together]) if together < len(ours) else (False, source)
        right_part = (True, theirs[together]) if together < len(theirs) else (False, target)
        if left_part != right_part:
            yield ours[together - 1], left_part, right_part


def _cycles(edges: Sequence[Edge], regions: Regions) -> list[list[Part]]:
    """The strongly connected parts of all levels that hold more than one part."""
    after: dict[Part, list[Part]] = {}
    for _, left, right in level_edges(edges, regions):
        after.setdefault(left, []).append(right)
    return [component for component in _components(after) if len(component) > 1]


def _components(after: dict[Part, list[Part]]) -> Iterator[list[Part]]:
    """Tarjan's algorithm without recursion."""
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


def _split(graph: GraphIndex, regions: Regions, number: int, edges: Sequence[Edge]) -> Refusal:
    """Cut a region where paths leave and re-enter; give its parts to its caller where none does."""
    region = regions.regions[number]
    inside = _inside(regions, number)
    before: dict[int, list[int]] = {}
    for source, target in edges:
        before.setdefault(target, []).append(source)
    # Segment of a node inside; of a node outside, that of the last node inside on the way to it.
    reached: dict[int, int] = {}
    witness = NONE
    for node in sorted({node for edge in edges for node in edge}):
        held = regions.region_of[node] in inside
        for source in before.get(node, ()):
            if source in reached:
                leaves = held and regions.region_of[source] not in inside
                witness = source if leaves else witness
                reached[node] = max(reached.get(node, 0), reached[source] + leaves)
        if held:
            reached.setdefault(node, 0)
    if witness == NONE:
        _dissolve(regions, number)
        return Refusal(region.module, Reason.CYCLIC, _name(graph, region.nodes or [0]))
    _cut(regions, inside, {node: at for node, at in reached.items() if regions.region_of[node] in inside})
    return Refusal(region.module, Reason.NOT_CONVEX, _name(graph, [witness]))


def _inside(regions: Regions, number: int) -> set[int]:
    """A region and all regions it calls."""
    inside = {number}
    for other, region in enumerate(regions.regions):
        if other != TOP and region.parent in inside:
            inside.add(other)
    return inside


def _cut(regions: Regions, inside: set[int], segment_of: dict[int, int]) -> None:
    """Move the nodes of a region and of those it calls to a copy of it for every segment but the first."""
    copies: dict[tuple[int, int], int] = {}

    def copy_of(number: int, segment: int) -> int:
        if segment == 0 or number not in inside:
            return number
        found = copies.get((number, segment))
        if found is None:
            original = regions.regions[number]
            parent = copy_of(original.parent, segment)
            found = copies[number, segment] = len(regions.regions)
            copy = replace(original, parent=parent, segment=original.segment + segment, nodes=[])
            regions.regions.append(copy)
        return found

    for node, segment in sorted(segment_of.items()):
        number = regions.region_of[node]
        assert number is not None  # edges run between nodes of the main graph
        if segment:
            regions.regions[number].nodes.remove(node)
            target = copy_of(number, segment)
            regions.regions[target].nodes.append(node)
            regions.region_of[node] = target


def _dissolve(regions: Regions, number: int) -> None:
    """Give what a region holds to its caller; the empty region stays behind and is never called."""
    region = regions.regions[number]
    caller = regions.regions[region.parent]
    for node in region.nodes:
        regions.region_of[node] = region.parent
    caller.nodes = sorted(caller.nodes + region.nodes)
    region.nodes = []
    for other in regions.regions:
        if other.parent == number:
            other.parent = region.parent


def _size(regions: Regions, number: int) -> int:
    return sum(len(regions.regions[n].nodes) for n in _inside(regions, number))


def _name(graph: GraphIndex, nodes: list[int]) -> str:
    node = graph.nodes[nodes[0]]
    return node.name or node.output[0]
