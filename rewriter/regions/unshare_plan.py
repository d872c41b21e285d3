"""Undoes sharing by the exporter: copies a node that several calls read into these calls, or moves it out.

Exporters merge equal nodes anywhere. So the first call of a layer holds shapes, masks and constants that the
other calls read, and equal layers have unequal bodies.

- A small constant is copied into every call that reads it.
- Shape arithmetic is copied whole into the calls that read it, or into calls around them, if the tensors
  whose shapes it needs are computed or read there. If they are missing for one reader, only the calls that
  hold nothing but copies of readers get copies.
- An Identity of an initializer moves out of repeated modules.
- Any other node that its own call and other calls read moves up to the lowest region around these calls, if
  it depends on nothing that must stay below that region. Readers in regions around its own call do not count,
  unless they moved there. The nodes that it depends on move likewise. Shape arithmetic that is not copied
  also moves if its own call does not read it.

Nodes that draw random numbers, or write results of a graph or function, stay in place and are never copied.
Nodes are visited readers first, so that a chain moves as a whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from rewriter.evidence.parameters.parameter_names import alias_of
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.model.operator_set.determinism import drawing_nodes
from rewriter.modules.module_tree import ModuleTree
from rewriter.paths import ModulePath
from rewriter.regions.region_tree import TOP, Regions, main_node, shared_calls
from rewriter.regions.shape_arithmetic import Arithmetic


@dataclass(frozen=True, slots=True)
class Sharing:
    """Plan of moves and copies. It names no node inside the body of an If, Loop or Scan.

    Attributes:
        homes: node -> the region it moves to, for moved nodes.
        copies: node -> the regions that get a copy of it.
        served: node -> region of a reader -> region of the instance (original or copy) that the reader shall
            read.
    """

    homes: dict[int, int] = field(default_factory=dict)
    copies: dict[int, tuple[int, ...]] = field(default_factory=dict)
    served: dict[int, dict[int, int]] = field(default_factory=dict)


def find_sharing(graph: GraphIndex, tree: ModuleTree, regions: Regions) -> Sharing:
    """Plan the regions of shared nodes.

    Args:
        graph: the model.
        tree: its modules, whose parameters show which nodes belong to a call.
        regions: the regions of all modules.
    """
    return _Planner(graph, tree, regions).plan()


class _Planner:
    def __init__(self, graph: GraphIndex, tree: ModuleTree, regions: Regions) -> None:
        self.graph = graph
        self.regions = regions
        self.chains = regions.chains()
        self.owners = _owners(graph, tree)
        self.arithmetic = Arithmetic(graph, frozenset(self.owners))
        self.fixed = drawing_nodes(graph) | _writers_of_results(graph)
        self.captured = _captured(graph)
        self.hoistable = self._hoistable()
        self.plan_ = Sharing()
        self._reading: dict[int, set[int]] = {}

    def plan(self) -> Sharing:
        self._move_aliases()
        for node in reversed(range(len(self.graph.nodes))):
            if self.graph.body_of[node] == 0 and node not in self.fixed and node not in self.plan_.homes:
                readers = sorted({main_node(self.graph, reader) for reader in self.graph.successors(node)})
                wants = self._wants(readers)
                if node in self.arithmetic.leaves:
                    wants = self._copy(node, wants)
                if node not in self.plan_.homes:
                    self._move(node, readers, wants)
        return self.plan_

    def _move_aliases(self) -> None:
        """Hoist every Identity of an initializer, except fixed nodes, out of the outermost repeated module.

        A module is repeated if it has several regions, or if its name is a number.

        An Identity without a repeated module around it moves to the main graph. That place would be valid for
        all, but an exporter that finds a hundred biases to be equal zeros writes one initializer and a
        hundred Identity nodes, which would fill the main graph.
        """
        calls = Counter(region.module for region in self.regions.regions)
        repeated = {
            number
            for number, region in enumerate(self.regions.regions)
            if region.module.name.isdecimal() or calls[region.module] > 1
        }
        for node, proto in enumerate(self.graph.nodes):
            if proto.op_type == "Identity" and self.graph.body_of[node] == 0 and node not in self.fixed:
                value = self.graph.writes[node][0]
                if value != NONE and alias_of(self.graph, value) != value and self._region(node) != TOP:
                    chain = self.chains[self._region(node)]
                    outermost = next((n for n, number in enumerate(chain) if number in repeated), 1)
                    self.plan_.homes[node] = chain[outermost - 1]

    def _region(self, node: int) -> int:
        region = self.regions.region_of[node]
        return TOP if region is None else region

    def _home(self, node: int) -> int:
        return self.plan_.homes.get(node, self._region(node))

    def _wants(self, readers: list[int]) -> dict[int, bool]:
        """Map the regions of a node's readers, in file order, to whether only copies of readers are there."""
        wants = {self._home(reader): False for reader in readers}
        for reader in readers:
            for region in self.plan_.copies.get(reader, ()):
                wants.setdefault(region, True)
        return wants

    def _copy(self, node: int, wants: dict[int, bool]) -> dict[int, bool]:
        """Plan copies of a small value for regions that read it; return the regions left to the original."""
        own = self._region(node)
        leaves = self.arithmetic.leaves[node]
        places = {region: self._place(leaves, own, region) for region in wants if region != own}
        if not leaves and wants:
            places = {region: region for region in wants}
        elif not all(place is not None for place in places.values()):
            places = {region: place for region, place in places.items() if wants[region]}
        served = {region: place for region, place in places.items() if place is not None}
        if not served:
            return wants
        self.plan_.served[node] = served
        rest = {region: only for region, only in wants.items() if region not in served}
        instances = dict.fromkeys(served.values())
        if not rest and own not in instances:
            self.plan_.homes[node] = next(iter(instances))
        home = self._home(node)
        if copies := tuple(region for region in instances if region != home):
            self.plan_.copies[node] = copies
        return rest

    def _place(self, leaves: frozenset[int], own: int, reader: int) -> int | None:
        """Return the innermost region around a reader, not around `own`, that has all leaves; or None."""
        common = shared_calls(self.chains[own], self.chains[reader])
        for region in reversed(self.chains[reader][common:]):
            if all(region in self._available(leaf) for leaf in leaves):
                return region
        return None

    def _available(self, leaf: int) -> set[int]:
        """Return the regions that compute a value or read more than its shape, and all regions around."""
        found = self._reading.get(leaf)
        if found is None:
            nodes = [main_node(self.graph, reader) for reader in self.graph.readers[leaf]]
            nodes = [node for node in nodes if node not in self.arithmetic.leaves]
            if (producer := self.graph.producer[leaf]) != NONE:
                nodes.append(producer)
            found = {region for node in nodes for region in self.chains[self._region(node)]}
            self._reading[leaf] = found
        return found

    def _move(self, node: int, readers: list[int], wants: dict[int, bool]) -> None:
        """Plan to move a node up to a region around its readers, if its inputs allow it; see the module."""
        own = self._region(node)
        chain = self.chains[own]
        others = [region for region in wants if self._apart(own, region)]
        lifted = [self._home(reader) for reader in readers if reader in self.plan_.homes]
        lifted = [region for region in lifted if region in wants]
        around = (shared_calls(chain, self.chains[region]) for region in (*others, *lifted))
        depth = min(around, default=len(chain))
        if depth == len(chain) or self.hoistable[node] >= depth:
            return
        inner = chain[depth]
        if any(inner in self.chains[self._region(reader)] for reader in readers):
            self.plan_.homes[node] = chain[depth - 1]
        elif node in self.arithmetic.leaves:
            self.plan_.homes[node] = self._around(wants, chain[depth - 1])

    def _around(self, wants: Iterable[int], above: int) -> int:
        """Return the lowest region around all in `wants`, or `above` if that region lies outside `above`."""
        first, *others = (self.chains[region] for region in wants)
        lowest = first[min((shared_calls(first, other) for other in others), default=len(first)) - 1]
        return lowest if above in self.chains[lowest] else above

    def _apart(self, left: int, right: int) -> bool:
        """Whether neither of two regions contains the other."""
        ours, theirs = self.chains[left], self.chains[right]
        return shared_calls(ours, theirs) < min(len(ours), len(theirs))

    def _hoistable(self) -> list[int]:
        """Return, for each node, the position in its chain of the highest region to which it can move.

        The nodes that it depends on may move as well. Fixed nodes stay in their regions. Nodes in bodies have
        position 0.
        """
        found = [0] * len(self.graph.nodes)
        for node in range(len(self.graph.nodes)):
            if self.graph.body_of[node] != 0:
                continue
            chain = self.chains[self._region(node)]
            if node in self.fixed:
                found[node] = len(chain) - 1
                continue
            for value in (*self.graph.reads[node], *self.captured.get(node, ())):
                if value != NONE:
                    found[node] = max(found[node], self._depth_of(value, chain, found))
        return found

    def _depth_of(self, value: int, chain: tuple[int, ...], found: list[int]) -> int:
        producer = self.graph.producer[value]
        if producer != NONE:
            if self.graph.body_of[producer] != 0:
                return 0  # made in a body of the node that reads it
            made = self.chains[self._region(producer)][: found[producer] + 1]
            return shared_calls(chain, made) - 1
        if value in self.owners:
            owner = self.owners[value]
            return max(n for n, r in enumerate(chain) if self.regions.regions[r].module.holds(owner))
        return 0


def _owners(graph: GraphIndex, tree: ModuleTree) -> dict[int, ModulePath]:
    """Map each initializer that holds a parameter to the module that owns it."""
    by_name = {parameter.initializer: module.path for module in tree for parameter in module.parameters}
    return {
        value: by_name[tensor.name] for value, tensor in graph.initializers.items() if tensor.name in by_name
    }


def _writers_of_results(graph: GraphIndex) -> set[int]:
    """Return the nodes that write results of a graph or function; the names of these results are fixed."""
    results = {value for body in graph.bodies for value in body.results if value != NONE}
    return {graph.producer[value] for value in results if graph.producer[value] != NONE}


def _captured(graph: GraphIndex) -> dict[int, list[int]]:
    """Map each outermost node with bodies to the values that bodies read or output, defined there or not."""
    captured: dict[int, list[int]] = {}
    for node, body in enumerate(graph.body_of):
        if body != 0 and graph.bodies[body].owner != NONE:
            captured.setdefault(main_node(graph, node), []).extend(graph.reads[node])
    for inner in graph.bodies:
        if inner.owner != NONE:
            captured.setdefault(main_node(graph, inner.owner), []).extend(inner.results)
    return captured
