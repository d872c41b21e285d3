"""The graphs of all levels, kept current while nodes change their regions.

The level of a region consists of its own nodes and the regions that it calls; these are its parts. An edge
between two nodes belongs to the level of the innermost region around both, and connects the parts that hold
its ends. A part belongs to one level, so one mapping holds the graphs of all levels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rewriter.model.index.graph import GraphIndex
from rewriter.regions.region_tree import TOP, Regions, edges_of, shared_calls

Part = tuple[bool, int]
"""A part of a level: (False, node) or (True, region)."""
Edge = tuple[int, int]
"""A node of the main graph, and a node that must come after it."""


def level_edges(graph: GraphIndex, regions: Regions) -> Iterator[tuple[Part, Part]]:
    """Yield (part, part that must come after it) for every edge, at its level; some twice."""
    chains = regions.chains()
    chain_of = [chains[number or TOP] for number in regions.region_of]
    for edge in edges_of(graph):
        left, right = _parts_of(edge, chain_of[edge[0]], chain_of[edge[1]])
        if left != right:
            yield left, right


def _parts_of(edge: Edge, ours: tuple[int, ...], theirs: tuple[int, ...]) -> tuple[Part, Part]:
    """Return the parts that hold the ends of an edge, from the chains of the regions of both ends."""
    together = shared_calls(ours, theirs)
    left = (True, ours[together]) if together < len(ours) else (False, edge[0])
    right = (True, theirs[together]) if together < len(theirs) else (False, edge[1])
    return left, right


class LevelGraphs:
    """The parts of all levels, and the parts that must come after each.

    Attributes:
        unsearched: parts on a cycle of the last search, and parts with edges that are new since then; every
            cycle contains one of them.
    """

    def __init__(self, regions: Regions, edges: Sequence[Edge]) -> None:
        self._regions, self._edges = regions, edges
        self._edges_at: dict[int, list[int]] = {}
        for number, edge in enumerate(edges):
            for node in edge:
                self._edges_at.setdefault(node, []).append(number)
        self._after: dict[Part, dict[Part, int]] = {}
        """Part -> part after it -> number of edges between them."""
        self.unsearched: dict[Part, None] = {}
        chains = regions.chains()
        chain_of = [chains[number or TOP] for number in regions.region_of]
        self._placed = [_parts_of(edge, chain_of[edge[0]], chain_of[edge[1]]) for edge in edges]
        for left, right in self._placed:
            self._add(left, right)

    def update(self, moved: Iterable[int]) -> None:
        """Place the edges at nodes anew whose region, or a region around it, has changed."""
        for number in sorted({number for node in moved for number in self._edges_at.get(node, ())}):
            edge = self._edges[number]
            new = _parts_of(edge, self._chain_of(edge[0]), self._chain_of(edge[1]))
            if new != (old := self._placed[number]):
                self._remove(*old)
                self._add(*new)
                self._placed[number] = new

    def cycles(self) -> list[list[Part]]:
        """Return, over all levels, the strongly connected components of more than one part."""
        starts = [part for part in self.unsearched if part in self._after]
        found = [each for each in _components(starts, self._after) if len(each) > 1]
        self.unsearched = dict.fromkeys(part for cycle in found for part in cycle)
        return found

    def _chain_of(self, node: int) -> tuple[int, ...]:
        return self._regions.chain(self._regions.region_of[node] or TOP)

    def _add(self, left: Part, right: Part) -> None:
        if left != right:
            after = self._after.setdefault(left, {})
            after[right] = after.get(right, 0) + 1
            self.unsearched[left] = None

    def _remove(self, left: Part, right: Part) -> None:
        if left != right:
            after = self._after[left]
            after[right] -= 1
            if not after[right]:
                del after[right]


def _components(starts: Iterable[Part], after: dict[Part, dict[Part, int]]) -> Iterator[list[Part]]:
    """Yield the strongly connected components that `starts` reach, by Tarjan's algorithm, not recursive."""
    index: dict[Part, int] = {}
    low: dict[Part, int] = {}
    path: list[Part] = []
    on_path: set[Part] = set()
    for start in starts:
        if start in index:
            continue
        stack = [(start, iter(after[start]))]
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
