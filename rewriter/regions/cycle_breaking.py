"""Breaks cycles of regions: changes the smallest region that some path leaves and enters again.

1. Such a path suggests a wrong placement. If a losing claim on each outside node of these paths names the
   module of the region, or a module below, the nodes move into the region. No node moves in this way twice.
2. A module without nodes and of unknown class may be a list, which is never called. Its region is dissolved,
   and its caller calls its children. Nodes of the module that moved elsewhere still count as its nodes.
3. Otherwise the region is cut into numbered segments that no path leaves and enters again. The witness is an
   outside node directly before the last node at which such a path enters the region.

If no region of the cycle has such a path (two convex regions may feed each other), or the search for one
exceeds `MOST_WALKED`, the smallest region is dissolved.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

from rewriter.evidence.claims import Claim
from rewriter.model.index.graph import GraphIndex
from rewriter.modules.module_tree import ModuleTree
from rewriter.refusals import Reason, Refusal
from rewriter.regions.region_tree import Regions, name_of

MOST_WALKED = 16
"""Limit on the search for a region that a path enters again: visited nodes, as a multiple of all nodes."""


@dataclass
class CycleBreaker:
    """Breaker of cycles of regions; it changes the regions in place.

    Attributes:
        graph: the model.
        regions: its regions.
        tree: the modules of the calls.
        claims: node -> every claim on it.
        edges: pairs of nodes of the main graph, the second to come after the first (see `calls.edges_of`).
        placed_anew: nodes that a losing claim moved, or that must stay in the main graph; no losing claim
            moves them again.
        touched: regions that lost or gained nodes since the caller cleared this.
        moved: nodes whose region, or a region around it, changed since the caller cleared this.
    """

    graph: GraphIndex
    regions: Regions
    tree: ModuleTree
    claims: Sequence[Sequence[Claim]]
    edges: tuple[tuple[int, int], ...]
    placed_anew: set[int] = field(default_factory=set)
    touched: set[int] = field(default_factory=set)
    moved: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._after: dict[int, list[int]] = {}
        self._before: dict[int, list[int]] = {}
        for source, target in self.edges:
            self._after.setdefault(source, []).append(target)
            self._before.setdefault(target, []).append(source)
        self._in_order = all(source < target for source, target in self.edges)
        self._held: dict[int, list[int]] = {}  # region -> the nodes inside it, as long as these are the same
        self._convex: set[int] = set()  # regions in `_held` that no path leaves and enters again

    def resolve(self, cycle: Sequence[int]) -> Iterator[Refusal]:
        """Change one region of a cycle; yield a refusal, with a witness, if the region was cut or dissolved.

        Args:
            cycle: regions that feed each other.
        """
        held = {number: self._nodes_inside(number) for number in cycle}
        smallest_first = sorted(cycle, key=lambda number: (len(held[number]), number))
        walked = 0
        for number in smallest_first:
            if number in self._convex:
                continue
            ahead = self._ahead(number, held[number])
            if between := self._between(number, held[number], ahead):
                yield from self._yield(number, held[number], between)
                return
            self._convex.add(number)
            walked += len(ahead)
            if walked > MOST_WALKED * len(self.regions.region_of):
                break
        number = smallest_first[0]
        self._dissolve(number, held[number])
        module, witness = self.regions.regions[number].module, min(held[number])
        yield Refusal(module, Reason.CYCLIC, name_of(self.graph, witness))

    def is_stale(self, cycle: Sequence[int]) -> bool:
        """Whether a region of a cycle, or a region inside it, is in `touched`."""
        return any(not self.touched.isdisjoint(self.regions.inside(number)) for number in cycle)

    def _yield(self, number: int, held: list[int], between: set[int]) -> Iterator[Refusal]:
        module = self.regions.regions[number].module
        if self._place_anew(number, between):
            return
        if not self.tree[module].nodes and self.tree[module].class_name is None:
            self._dissolve(number, held)
            yield Refusal(module, Reason.A_LIST, name_of(self.graph, min(between)))
        else:
            witness = self._cut_at_paths(number, held, between)
            yield Refusal(module, Reason.NOT_CONVEX, name_of(self.graph, witness))

    def _ahead(self, number: int, held: list[int]) -> set[int]:
        """Return the outside nodes that depend on held nodes.

        In a sorted file, return only those before the last held node: no path leads back from later nodes.
        """
        last = max(held) if self._in_order else len(self.regions.region_of)
        return self._reached(number, held, self._after, range(last))

    def _between(self, number: int, held: list[int], ahead: set[int]) -> set[int]:
        """Return the nodes in `ahead` on which held nodes depend."""
        return self._reached(number, held, self._before, ahead) if ahead else ahead

    def _reached(
        self, number: int, held: list[int], steps: dict[int, list[int]], among: Container[int]
    ) -> set[int]:
        """Return the outside nodes that steps from held nodes reach, through nodes of `among` alone."""
        inside = set(self.regions.inside(number))
        found: set[int] = set()
        waiting = list(held)
        while waiting:
            for node in steps.get(waiting.pop(), ()):
                if node not in found and node in among and self.regions.region_of[node] not in inside:
                    found.add(node)
                    waiting.append(node)
        return found

    def _place_anew(self, number: int, between: set[int]) -> bool:
        """Move the outside nodes into the region if losing claims allow it; return whether they moved."""
        module = self.regions.regions[number].module
        if between & self.placed_anew or not all(
            any(module.holds(claim.module) for claim in self.claims[node][1:]) for node in between
        ):
            return False
        self.placed_anew |= between
        self._move(dict.fromkeys(sorted(between), number))
        return True

    def _cut_at_paths(self, number: int, held: list[int], between: set[int]) -> int:
        """Cut a region where paths leave and enter it again; return the witness."""
        # Inside node -> its segment; outside node -> the last segment on any path to it.
        reached: dict[int, int] = {}
        witness = -1
        for node in sorted((*held, *between)):
            is_held = node not in between
            for source in self._before.get(node, ()):
                if source in reached:
                    enters = is_held and source in between
                    witness = source if enters else witness
                    reached[node] = max(reached.get(node, 0), reached[source] + enters)
            if is_held:
                reached.setdefault(node, 0)
        self._cut(number, {node: at for node, at in reached.items() if at and node not in between})
        return witness

    def _cut(self, number: int, segment_of: dict[int, int]) -> None:
        """Move the nodes of every segment but the first to copies of their regions."""
        inside = set(self.regions.inside(number))
        copies: dict[tuple[int, int], int] = {}

        def copy_of(number: int, segment: int) -> int:
            if number not in inside:
                return number
            found = copies.get((number, segment))
            if found is None:
                original = self.regions.regions[number]
                parent = copy_of(original.parent, segment)
                copy = replace(original, parent=parent, segment=original.segment + segment, nodes=[])
                found = copies[number, segment] = self.regions.add(copy)
            return found

        homes = {}
        for node, segment in sorted(segment_of.items()):
            region = self.regions.region_of[node]
            assert region is not None  # edges connect nodes of the main graph
            homes[node] = copy_of(region, segment)
        self._move(homes)

    def _nodes_inside(self, number: int) -> list[int]:
        if number not in self._held:
            self._held[number] = self.regions.nodes_inside(number)
        return self._held[number]

    def _move(self, homes: Mapping[int, int]) -> None:
        self._note(self.regions.move(homes), homes)

    def _dissolve(self, number: int, held: list[int]) -> None:
        self._held.pop(number, None)
        self._note(self.regions.dissolve(number), held)

    def _note(self, touched: Set[int], moved: Iterable[int]) -> None:
        self.touched |= touched
        self.moved.update(moved)
        for around in {each for number in touched for each in self.regions.chain(number)}:
            self._held.pop(around, None)
            self._convex.discard(around)
