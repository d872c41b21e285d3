"""Which part of a chain every node belongs to.

A cut stands just before the first node of a module, in execution order: what the file has before it comes
before the cut. That order is topological, so every such cut is valid. Two things are then put right, since
files compute some values early that only a later module wants: a node of a later module goes to the part of
that module, and what is computed from constants alone goes to its first reader.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rewriter.cutting.main_graph import MainGraph
from rewriter.modules.module import ModuleTree


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

    Where none does, the first that hangs on an input of the model, else the first.
    """
    own = sorted(nodes)
    inside, constant, producer = set(own), main.graph.constants, main.graph.producer
    changing = [(node, [v for v in main.reads[node] if v not in constant]) for node in own]
    for node, values in changing:
        if any(producer[value] in main.reads and producer[value] not in inside for value in values):
            return node
    return next((node for node, values in changing if values), own[0])


def levels_of(main: MainGraph, tree: ModuleTree, cuts: list[tuple[int, set[int]]]) -> Levels:
    """Put every node in a part.

    Args:
        main: the graph.
        tree: the modules of its nodes.
        cuts: (the node that a cut stands before, the nodes of the module that begins there), ascending.
    """
    points = [point for point, _ in cuts]
    level = {node: sum(point <= node for point in points) for node in main.nodes}
    home = _home_levels(main, tree, level)
    for number, (_, nodes) in enumerate(cuts, 1):
        for node in nodes:
            home[node] = max(home.get(node, 0), number)
    for node in reversed(main.nodes):
        written = tuple(main.written([node]))
        readers = [level[reader] for value in written for reader in main.readers.get(value, ())]
        if readers and main.results.isdisjoint(written):
            latest = min(readers)
            constant = all(value in main.graph.constants for value in written)
            level[node] = max(level[node], latest if constant else min(latest, home.get(node, 0)))
    return Levels(main, level)


def _home_levels(main: MainGraph, tree: ModuleTree, level: Mapping[int, int]) -> dict[int, int]:
    """Node -> the part in which its own module begins."""
    calls: dict[tuple[str, int], list[int]] = {}
    for node in main.nodes:
        placement = tree.placements[node]
        if placement is not None:
            calls.setdefault((placement.module, placement.call), []).append(node)
    return {node: level[first_node(main, nodes)] for nodes in calls.values() for node in nodes}
