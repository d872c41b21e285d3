"""Who of the regions on a cycle yields, and how: the smallest that its own results leave and come back to.

1. Such a path is first an alarm for a wrong placement. Where other evidence puts every node outside that the
   path passes into the region, that evidence is followed.
2. A module that owns no node and whose class nobody knows may be a list, which is never called: its children
   are called by its caller. Nodes that moved away from it count.
3. Else it is cut into numbered segments, none of which has such a path; the node outside is the witness.

Where a path comes back to none of them (two regions, each convex, may feed each other), the nodes of the
smallest go to its caller.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from rewriter.evidence.claim import Claim
from rewriter.model.graph import GraphIndex
from rewriter.modules.module import ModuleTree
from rewriter.refusals import Reason, Refusal
from rewriter.regions.calls import Regions, name_of

MOST_TRIED = 16
"""Regions of a cycle that are searched for a path that comes back; each search walks the whole graph."""


@dataclass
class Yielding:
    """Makes regions yield, in place.

    Attributes:
        graph: the model.
        regions: its regions.
        tree: the modules they are calls of.
        claims: node -> every claim on it.
        edges: which nodes of the main graph must stand behind which (see `calls.edges_of`).
        placed_anew: nodes that other evidence moved, which happens once.
        touched: regions that lost or won nodes since somebody cleared this.
    """

    graph: GraphIndex
    regions: Regions
    tree: ModuleTree
    claims: Sequence[Sequence[Claim]]
    edges: tuple[tuple[int, int], ...]
    placed_anew: set[int] = field(default_factory=set)
    touched: set[int] = field(default_factory=set)

    def resolve(self, cycle: Sequence[int]) -> Iterator[Refusal]:
        """Let one region of a cycle yield; what was given up, with its witness, if anything was.

        Args:
            cycle: regions that feed each other, the smallest first.
        """
        for number in cycle[:MOST_TRIED]:
            inside = self.regions.inside(number)
            if between := self._between(inside):
                yield from self._yield(number, inside, between)
                return
        number = cycle[0]
        witness = name_of(self.graph, self._first_node(self.regions.inside(number)))
        self._dissolve(number)
        yield Refusal(self.regions.regions[number].module, Reason.CYCLIC, witness)

    def is_stale(self, cycle: Sequence[int]) -> bool:
        """Whether a region of a cycle, or one that it calls, is no longer what it was."""
        return any(not self.touched.isdisjoint(self.regions.inside(number)) for number in cycle)

    def _yield(self, number: int, inside: set[int], between: set[int]) -> Iterator[Refusal]:
        module = self.regions.regions[number].module
        if self._place_anew(number, between):
            return
        if not self.tree[module].nodes and self.tree[module].class_name is None:
            self._dissolve(number)
            yield Refusal(module, Reason.A_LIST, name_of(self.graph, min(between)))
        else:
            yield Refusal(module, Reason.NOT_CONVEX, name_of(self.graph, self._cut_at_paths(inside)))

    def _between(self, inside: set[int]) -> set[int]:
        """The nodes outside that lie on a path from inside to inside."""
        after: dict[int, list[int]] = {}
        before: dict[int, list[int]] = {}
        for source, target in self.edges:
            after.setdefault(source, []).append(target)
            before.setdefault(target, []).append(source)
        return self._reached(inside, after) & self._reached(inside, before)

    def _reached(self, inside: set[int], steps: dict[int, list[int]]) -> set[int]:
        """The nodes outside that steps from inside lead to."""
        found: set[int] = set()
        waiting = [node for number in inside for node in self.regions.regions[number].nodes]
        while waiting:
            for node in steps.get(waiting.pop(), ()):
                if node not in found and self.regions.region_of[node] not in inside:
                    found.add(node)
                    waiting.append(node)
        return found

    def _place_anew(self, number: int, between: set[int]) -> bool:
        """Take the nodes in between into the region where a losing claim allows it for all of them."""
        module = self.regions.regions[number].module
        if between & self.placed_anew or not all(
            any(module.holds(claim.module) for claim in self.claims[node][1:]) for node in between
        ):
            return False
        self.placed_anew |= between
        for node in sorted(between):
            self._move(node, number)
        return True

    def _cut_at_paths(self, inside: set[int]) -> int:
        """Cut a region where paths leave and re-enter; returns the last node outside on the way."""
        before: dict[int, list[int]] = {}
        for source, target in self.edges:
            before.setdefault(target, []).append(source)
        # Segment of a node inside; of a node outside, that of the last node inside on the way to it.
        reached: dict[int, int] = {}
        witness = -1
        for node in sorted({node for edge in self.edges for node in edge}):
            held = self.regions.region_of[node] in inside
            for source in before.get(node, ()):
                if source in reached:
                    leaves = held and self.regions.region_of[source] not in inside
                    witness = source if leaves else witness
                    reached[node] = max(reached.get(node, 0), reached[source] + leaves)
            if held:
                reached.setdefault(node, 0)
        self._cut(
            inside, {node: at for node, at in reached.items() if self.regions.region_of[node] in inside}
        )
        return witness

    def _cut(self, inside: set[int], segment_of: dict[int, int]) -> None:
        """Move the nodes of a region and of those it calls to a copy for every segment but the first."""
        copies: dict[tuple[int, int], int] = {}

        def copy_of(number: int, segment: int) -> int:
            if segment == 0 or number not in inside:
                return number
            found = copies.get((number, segment))
            if found is None:
                original = self.regions.regions[number]
                parent = copy_of(original.parent, segment)
                found = copies[number, segment] = len(self.regions.regions)
                copy = replace(original, parent=parent, segment=original.segment + segment, nodes=[])
                self.regions.regions.append(copy)
            return found

        for node, segment in sorted(segment_of.items()):
            number = self.regions.region_of[node]
            if segment and number is not None:
                self._move(node, copy_of(number, segment))

    def _dissolve(self, number: int) -> None:
        """Give what a region holds to its caller; the empty region stays behind and is never called."""
        region = self.regions.regions[number]
        for node in list(region.nodes):
            self._move(node, region.parent)
        for other in self.regions.regions:
            if other.parent == number:
                other.parent = region.parent

    def _move(self, node: int, number: int) -> None:
        old = self.regions.region_of[node]
        assert old is not None  # edges run between nodes of the main graph
        self.touched |= {old, number}
        self.regions.move(node, number)

    def _first_node(self, inside: set[int]) -> int:
        return min(node for number in inside for node in self.regions.regions[number].nodes)
