"""Which part of a chain every node belongs to.

A cut stands just before the first node of a module, in execution order: what the file has before it comes
before the cut. That order is topological, so every such cut is valid. Three things are then put right, since
tools shuffle nodes, and files compute some values early that only a later module wants: other modules that
the module hangs on come before the cut wherever they stand, a node of a later module goes to the part of
that module, and what is computed from constants alone goes to its first reader.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rewriter.cutting.main_graph import MainGraph
from rewriter.modules.module import ModuleTree
from rewriter.paths import ModulePath


@dataclass(frozen=True)
class Levels:
    """The parts of a model.

    Attributes:
        main: the graph that is cut.
        of: node of the main graph -> number of its part, from 0. Never greater than that of a reader.
    """

    main: MainGraph
    of: Mapping[int, int]

    def nodes(self, part: int) -> set[int]:
        """The nodes of a part; constants that merely come with their readers left out."""
        main = self.main
        return {
            node
            for node, level in self.of.items()
            if level == part
            and (node not in main.portable or not main.results.isdisjoint(main.written([node])))
        }

    def outputs(self, part: int, nodes: Iterable[int]) -> list[int]:
        """What later parts read of `nodes`, and what the model gives out, in file order."""
        main = self.main
        found = [
            value
            for value in main.written(sorted(nodes))
            if value in main.results or any(self.of[node] > part for node in main.readers.get(value, ()))
        ]
        if part == 0:  # an input or a weight that is an output as it stands
            found += [value for value in sorted(main.results) if main.graph.producer[value] not in self.of]
        return found


def first_node(main: MainGraph, nodes: Iterable[int]) -> int:
    """The node with which a module begins: the first that reads what others compute from the inputs.

    Where none does, the first that hangs on an input of the model, else the first; constants begin nothing.
    """
    own = sorted(set(nodes) - main.portable) or sorted(nodes)
    inside, constant, producer = set(own), main.graph.constants, main.graph.producer
    changing = [(node, [v for v in main.reads[node] if v not in constant]) for node in own]
    for node, values in changing:
        if any(producer[value] in main.reads and producer[value] not in inside for value in values):
            return node
    return next((node for node, values in changing if values), own[0])


@dataclass(frozen=True, slots=True)
class Place:
    """A place between two parts.

    Attributes:
        module: the module that begins there.
        nodes: its nodes.
        point: the one that it begins with.
    """

    module: ModulePath
    nodes: frozenset[int]
    point: int


def levels_of(main: MainGraph, tree: ModuleTree, cuts: Iterable[Place]) -> Levels:
    """Put every node in a part: as many cuts as it stands behind."""
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
        before: the nodes of the earlier side; none reads anything from the other.
        behind: nodes that hang on the module, itself included.
    """

    cut: Place
    before: frozenset[int]
    behind: frozenset[int]

    @classmethod
    def of(cls, main: MainGraph, tree: ModuleTree, cut: Place) -> _Sides:
        """What the file has before the cut, and other modules that the module hangs on, wherever they are."""
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


def _is_foreign(tree: ModuleTree, node: int, cut: Place) -> bool:
    """Whether a node is of a module other than the one that begins and those around it."""
    placement = tree.placements[node]
    return placement is not None and not placement.module.holds(cut.module)


def _home_levels(
    main: MainGraph, tree: ModuleTree, level: Mapping[int, int], sides: Iterable[_Sides]
) -> dict[int, int]:
    """Node -> the part in which its own module begins, or that all which hangs on a cut belongs to."""
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
