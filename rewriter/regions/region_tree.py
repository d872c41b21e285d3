"""Regions: the nodes of one call of one module in one body.

The body is the main graph, or a graph body of If, Loop or Scan that a view shows as one (see `body_view`).
Regions form a tree with the body at its top. A module that is never called (such as a list of modules)
has no region: the nearest module above that is called calls its children. Nodes in graph bodies inside belong
to the region of the node with the body. Nodes of local functions stay in place.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rewriter.model.index.functions import holders_of
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.model.operator_set.determinism import drawing_in_order
from rewriter.modules.module import Module
from rewriter.modules.module_tree import ModuleTree, Placement
from rewriter.paths import ROOT, ModulePath
from rewriter.refusals import Reason, Refusal
from rewriter.regions.callers import Callers

TOP = 0
"""The number of the region that is the body itself, outside of all calls."""


@dataclass(slots=True)
class Region:
    """One call of one module, or one segment of the call.

    Attributes:
        module: path of the module.
        call: number of the call, from 0.
        parent: number of the region that calls it; TOP is its own parent.
        segment: number of the segment of the call, from 0, if the call had to be split.
        nodes: its own nodes (without those of its children), ascending.
    """

    module: ModulePath
    call: int
    parent: int
    segment: int = 0
    nodes: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Regions:
    """All regions of a body.

    Attributes:
        regions: TOP first, callers before the regions they call; only `add` extends it.
        region_of: node -> its region; None for nodes inside bodies and functions.
        called: region -> the regions that it calls.
        outside: nodes that must stay outside of all calls; no evidence moves them into another region.
    """

    regions: list[Region]
    region_of: list[int | None]
    called: list[list[int]] = field(init=False)
    outside: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        regions, self.regions, self.called = self.regions, [], []
        for region in regions:
            self.add(region)

    def add(self, region: Region) -> int:
        """Add a region; return its number."""
        number = len(self.regions)
        self.regions.append(region)
        self.called.append([])
        if number != TOP:
            self.called[region.parent].append(number)
        return number

    def chains(self) -> list[tuple[int, ...]]:
        """Return the chain of each region: the regions from TOP down to it, both included."""
        chains: list[tuple[int, ...]] = [(TOP,)]
        for number, region in enumerate(self.regions[1:], 1):
            chains.append((*chains[region.parent], number))
        return chains

    def chain(self, number: int) -> tuple[int, ...]:
        """Return the chain of one region."""
        upwards = [number]
        while upwards[-1] != TOP:
            upwards.append(self.regions[upwards[-1]].parent)
        return tuple(reversed(upwards))

    def inside(self, number: int) -> list[int]:
        """Return a region and all regions that it calls, directly or through others."""
        inside = [number]
        for caller in inside:
            inside.extend(self.called[caller])
        return inside

    def nodes_inside(self, number: int) -> list[int]:
        """Return the nodes of a region and of all regions that it calls, directly or through others."""
        return [node for each in self.inside(number) for node in self.regions[each].nodes]

    def move(self, homes: Mapping[int, int]) -> set[int]:
        """Move nodes to the regions in `homes`; return the regions that lost or gained nodes."""
        leaving: dict[int, list[int]] = {}
        coming: dict[int, list[int]] = {}
        for node, number in homes.items():
            if (old := self.region_of[node]) is not None:
                leaving.setdefault(old, []).append(node)
            coming.setdefault(number, []).append(node)
            self.region_of[node] = number
        for number, gone in leaving.items():
            _take_out(self.regions[number].nodes, gone)
        for number, new in coming.items():
            _put_in(self.regions[number].nodes, new)
        return leaving.keys() | coming.keys()

    def keep_outside(self, node: int) -> ModulePath | None:
        """Move a node out of all calls for good; return the module that it leaves.

        None if the node is outside already.
        """
        self.outside.add(node)
        home = self.region_of[node] or TOP
        if home == TOP:
            return None
        self.move({node: TOP})
        return self.regions[home].module

    def dissolve(self, number: int) -> set[int]:
        """Move all content of a region to its caller; the empty region remains as a leaf without nodes.

        Returns:
            The regions that lost or gained nodes: the region and its caller, or none if the region has no own
            nodes.
        """
        region = self.regions[number]
        for other in self.called[number]:
            self.regions[other].parent = region.parent
        self.called[region.parent] += self.called[number]
        self.called[number] = []
        return self.move(dict.fromkeys(region.nodes, region.parent))


_FEW = 16
"""Maximum number of nodes that are inserted or removed one by one; for more, the list is rebuilt."""


def _take_out(nodes: list[int], gone: list[int]) -> None:
    if len(gone) > _FEW:
        doomed = set(gone)
        nodes[:] = [node for node in nodes if node not in doomed]
        return
    for node in gone:
        del nodes[bisect_left(nodes, node)]


def _put_in(nodes: list[int], new: list[int]) -> None:
    if len(new) > _FEW:
        nodes.extend(new)
        nodes.sort()
        return
    for node in new:
        insort(nodes, node)


def shared_calls(ours: tuple[int, ...], theirs: tuple[int, ...]) -> int:
    """Return the number of regions that two chains share.

    A region has one caller, so two chains share their first regions and no others.
    """
    if ours is theirs:
        return len(ours)
    depth = min(len(ours), len(theirs))
    while ours[depth - 1] != theirs[depth - 1]:  # the loop ends at TOP, which all chains share
        depth -= 1
    return depth


def find_regions(
    graph: GraphIndex, tree: ModuleTree, wanted: Callable[[Module], bool] = lambda module: True
) -> Regions:
    """Return the regions of the main graph; see `RegionFinder`."""
    return RegionFinder(graph, tree, wanted).find(graph, tree.placements)


class RegionFinder:
    """Finder of the regions of the wanted modules that are called.

    Nodes of other modules belong to the nearest region above, unplaced nodes to TOP.

    Args:
        graph: the model.
        tree: its modules and placements.
        wanted: the modules that get regions of their own.
    """

    def __init__(self, graph: GraphIndex, tree: ModuleTree, wanted: Callable[[Module], bool]) -> None:
        self._tree = tree
        self._home = _homes(tree, wanted)
        self._callers = Callers(graph, tree)

    def find(
        self,
        graph: GraphIndex,
        placements: Sequence[Placement | None],
        is_around: Callable[[ModulePath], bool] = lambda module: module == ROOT,
    ) -> Regions:
        """Return the regions of a body.

        Args:
            graph: an index whose main graph is the body.
            placements: node of the index -> its placement.
            is_around: whether a module's nodes in the body belong to the call around the body, thus to TOP.
        """
        found = Regions([Region(ROOT, 0, TOP)], [None] * len(graph.nodes))
        numbers: dict[tuple[ModulePath, int], int] = {}

        def number_of(caller: ModulePath, call: int) -> int:
            """Return the region of a call; create it, and those of its callers, if new."""
            number = numbers.get((caller, call))
            if number is None:
                number = TOP
                if not is_around(caller):
                    above = self._home[caller.parent or ROOT]
                    parent = number_of(above, self._callers.of(caller, call, above))
                    number = found.add(Region(caller, call, parent))
                numbers[caller, call] = number
            return number

        around: dict[tuple[ModulePath, int], int] = {}
        for node, body in enumerate(graph.body_of):
            if body == 0:
                number = TOP
                if (placement := placements[node]) is not None:
                    place = placement.home or (placement.module, placement.call)
                    if (known := around.get(place)) is None:
                        known = around[place] = number_of(*self._call_around(*place))
                    number = known
                found.region_of[node] = number
                found.regions[number].nodes.append(node)
        return found

    def has_regions(self, module: ModulePath) -> bool:
        """Whether nodes of a module belong to a region of a call, not to the root."""
        return self._home.get(module, ROOT) != ROOT

    def _call_around(self, module: ModulePath, call: int) -> tuple[ModulePath, int]:
        """Return the call of a wanted module, or of the root, that the nodes of a call belong to."""
        # Metadata of another tool may name a module that the tree lacks.
        module = module if module in self._tree else ROOT
        caller = self._home[module]
        return caller, self._callers.of(module, call, caller)


def _homes(tree: ModuleTree, wanted: Callable[[Module], bool]) -> dict[ModulePath, ModulePath]:
    """Map each module to itself if it is called and wanted, else to its nearest such ancestor or the root."""
    home = {ROOT: ROOT}
    for module in tree:
        if module.parent is not None:
            own = module.calls > 0 and wanted(module)
            home[module.path] = module.path if own else home[module.parent]
    return home


def edges_of(graph: GraphIndex) -> Iterator[tuple[int, int]]:
    """Yield (node of the main graph, node that must come after it): a reader, or a later draw.

    Captures of a body count as inputs of its owner. Nodes that draw random numbers, or are of equal unknown
    operators, stay in file order (see `drawing_in_order`): only the order distinguishes two equal draws.
    """
    body_of, all_readers = graph.body_of, graph.readers
    for node, writes in enumerate(graph.writes):
        if body_of[node] == 0:
            for value in writes:
                for reader in all_readers[value] if value != NONE else ():
                    yield node, reader if body_of[reader] == 0 else main_node(graph, reader)
    yield from drawing_in_order(graph)


def main_reads(graph: GraphIndex) -> dict[int, list[int]]:
    """Map each node of the main graph, ascending, to the main-graph values that it and its bodies read."""
    main = set(graph.bodies[0].values.values())
    found: dict[int, dict[int, None]] = {node: {} for node, body in enumerate(graph.body_of) if body == 0}
    for node, values in enumerate(graph.reads):
        if (reads := found.get(main_node(graph, node))) is not None:
            reads.update((value, None) for value in values if value in main)
    for body in graph.bodies[1:]:
        reads = found.get(main_node(graph, body.owner)) if body.owner != NONE else None
        if reads is not None:
            reads.update((value, None) for value in body.results if value in main)
    return {node: list(reads) for node, reads in found.items()}


def holders_in_main(graph: GraphIndex, nodes: Iterable[int]) -> set[int]:
    """Return the nodes of the main graph in `holders_of(graph, nodes)`."""
    return {node for node in holders_of(graph, nodes) if graph.body_of[node] == 0}


def keep_outside(graph: GraphIndex, regions: Regions, nodes: Iterable[int], reason: Reason) -> list[Refusal]:
    """Move nodes out of all calls for good, in place; return a refusal for each node that moved."""
    moved = ((node, regions.keep_outside(node)) for node in sorted(nodes))
    return [Refusal(module, reason, name_of(graph, node)) for node, module in moved if module is not None]


def main_node(graph: GraphIndex, node: int) -> int:
    """Return the node of the main graph or of a function that holds `node` in a body, or `node` itself."""
    while (owner := graph.bodies[graph.body_of[node]].owner) != NONE:
        node = owner
    return node


def name_of(graph: GraphIndex, node: int) -> str:
    """Return the name of a node, or of its first output if it has none."""
    proto = graph.nodes[node]
    return proto.name or proto.output[0]
