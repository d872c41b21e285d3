"""Assigns every node to a part of the chain.

A cut is just before the first node of a module (see `first_node`), in file order: earlier nodes are before
the cut. The order is topological, so every such cut is valid. Three corrections follow, since tools reorder
nodes and files compute some values long before the module that reads them:

- A later node that the module depends on goes before the cut, with all nodes that the node depends on, if it
  belongs to another module that does not enclose the module. Nodes that also depend on the module stay.
- A node of a module that begins in a later part goes to that part, but to no later part than its readers.
- Nodes that depend on constants only go to the part of their first reader.

The last two corrections do not move nodes that write outputs of the model, or that no node reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rewriter.cutting.main_graph import MainGraph
from rewriter.modules.module_tree import ModuleTree
from rewriter.paths import ModulePath


@dataclass(frozen=True)
class Levels:
    """The parts of a model.

    Attributes:
        main: the main graph of the model.
        of: node of the main graph -> number of its part, from 0; at most the part of each reader of the node.
    """

    main: MainGraph
    of: Mapping[int, int]

    def nodes(self, part: int) -> set[int]:
        """Return the nodes of a part; of portable nodes, only those that write an output of the model.

        Every part copies the portable nodes that it reads.
        """
        main = self.main
        return {
            node
            for node, level in self.of.items()
            if level == part
            and (node not in main.portable or not main.results.isdisjoint(main.written([node])))
        }

    def outputs(self, part: int, nodes: Iterable[int]) -> list[int]:
        """Return the values of `nodes` that later parts read or that are model outputs, in file order.

        Part 0 also has the model outputs that no node computes.
        """
        main = self.main
        found = [
            value
            for value in main.written(sorted(nodes))
            if value in main.results or any(self.of[node] > part for node in main.readers.get(value, ()))
        ]
        if part == 0:
            found += [value for value in sorted(main.results) if main.graph.producer[value] not in self.of]
        return found


def first_node(main: MainGraph, nodes: Iterable[int]) -> int:
    """Return the first node of a module that reads a non-constant value computed outside the module.

    Without one, return the first node that reads a non-constant value, else the first node. Portable nodes
    count only if the module has no others.
    """
    own = sorted(set(nodes) - main.portable) or sorted(nodes)
    inside, constant, producer = set(own), main.graph.constants, main.graph.producer
    changing = [(node, [v for v in main.reads[node] if v not in constant]) for node in own]
    for node, values in changing:
        if any(producer[value] in main.reads and producer[value] not in inside for value in values):
            return node
    return next((node for node, values in changing if values), own[0])


@dataclass(frozen=True, slots=True)
class CutPoint:
    """A cut between two parts.

    Attributes:
        module: the module that begins after the cut.
        nodes: the nodes of one call of the module.
        point: the first node of that call; see `first_node`.
    """

    module: ModulePath
    nodes: frozenset[int]
    point: int


def levels_of(main: MainGraph, tree: ModuleTree, cuts: Iterable[CutPoint]) -> Levels:
    """Assign every node to a part: the number of cuts before it, with the three corrections."""
    sides = [_Sides.of(main, tree, each) for each in cuts]
    level = {node: sum(node not in side.before for side in sides) for node in main.nodes}
    home = _home_levels(main, tree, level, sides)
    for side in sides:
        for node in side.cut.nodes:
            home[node] = max(home.get(node, 0), level[side.cut.point])
    for node in reversed(main.nodes):
        written = tuple(main.written([node]))
        readers = [level[reader] for value in written for reader in main.readers.get(value, ())]
        if readers and main.results.isdisjoint(written):
            latest = min(readers)
            constant = all(value in main.graph.constants for value in written)
            level[node] = max(level[node], latest if constant else min(latest, home.get(node, 0)))
    return Levels(main, level)


@dataclass(frozen=True, slots=True)
class _Sides:
    """The two sides of one cut.

    Attributes:
        cut: the cut.
        before: the nodes of the earlier side; none reads a value of the later side.
        behind: the nodes of the module from `cut.point` on, and the nodes that depend on them.
    """

    cut: CutPoint
    before: frozenset[int]
    behind: frozenset[int]

    @classmethod
    def of(cls, main: MainGraph, tree: ModuleTree, cut: CutPoint) -> _Sides:
        """Split at one cut; nodes of other modules that the module depends on go to the earlier side."""
        later = [node for node in main.nodes if node >= cut.point]
        behind = cut.nodes.intersection(later)
        made = main.fed_by(behind, later)
        behind |= {node for node in later if not made.isdisjoint(main.written([node]))}
        wanted = {value for node in cut.nodes for value in main.reads[node]}
        lifted: set[int] = set()
        carried: set[int] = set()
        for node in reversed(later):
            written = set(main.written([node]))
            if node in cut.nodes or wanted.isdisjoint(written):
                continue
            wanted.update(main.reads[node])
            if node not in behind and (_is_foreign(tree, node, cut) or not carried.isdisjoint(written)):
                lifted.add(node)
                carried.update(main.reads[node])
        before = lifted.union(node for node in main.nodes if node < cut.point)
        return cls(cut, frozenset(before), frozenset(behind))


def _is_foreign(tree: ModuleTree, node: int, cut: CutPoint) -> bool:
    """Whether a node is placed in a module that is neither `cut.module` nor encloses it."""
    placement = tree.placements[node]
    return placement is not None and not placement.module.holds(cut.module)


def _home_levels(
    main: MainGraph, tree: ModuleTree, level: Mapping[int, int], sides: Iterable[_Sides]
) -> dict[int, int]:
    """Return placed node -> the part in which its call of a module begins.

    A call begins with its `first_node`, but not before the cuts on whose modules a node of the call depends.
    """
    calls: dict[tuple[str, int], list[int]] = {}
    for node in main.nodes:
        placement = tree.placements[node]
        if placement is not None:
            calls.setdefault((placement.module, placement.call), []).append(node)
    found = {}
    for nodes in calls.values():
        behind = sum(not side.behind.isdisjoint(nodes) for side in sides)
        found.update(dict.fromkeys(nodes, max(behind, level[first_node(main, nodes)])))
    return found
