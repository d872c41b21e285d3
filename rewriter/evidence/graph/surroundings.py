"""Finds the nodes nearest to a node that have a module or read the weight of a layer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import NamedTuple

from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.paths import ModulePath

_FARTHEST = 64
"""Nodes after which a search ends. The nodes that decide are close; the limit keeps the work linear."""


class Beside(NamedTuple):
    """The nearest nodes before and behind a node, and their modules, if known."""

    before: list[int]
    behind: list[int]
    fed_by: list[ModulePath]
    feeds: list[ModulePath]


class Product(NamedTuple):
    """A product and its weights, as seen from the node that completes it, such as the sum with a bias.

    Attributes:
        node: the only producer of a computed operand; NONE if the completing node reads weights or has
            several computed operands, or if the producer has other readers.
        weights: the weights that the node, or the completing node, reads.
    """

    node: int
    weights: frozenset[int]


class Surroundings:
    """Neighbourhood of nodes, searched on demand.

    Attributes:
        graph: the model.
        decided: node -> its module, for decided nodes; the caller adds to it.
    """

    def __init__(self, graph: GraphIndex, decided: dict[int, ModulePath]) -> None:
        self.graph = graph
        self.decided = decided
        self._weights: dict[int, frozenset[int]] = {}

    def beside(self, node: int) -> Beside:
        """Return the nearest nodes with a module or a weight on each side, all equally near."""
        before = self._nearest(node, self.graph.predecessors)
        behind = self._nearest(node, self.graph.successors)
        return Beside(before, behind, self._places(before), self._places(behind))

    def weights(self, node: int) -> frozenset[int]:
        """Return the initializers of two axes or more that a node reads, also through constant values."""
        if node not in self._weights:
            pending = list(self.graph.reads[node])
            for value in pending:
                maker = self.graph.producer[value] if value != NONE else NONE
                if maker != NONE and value in self.graph.constants and len(pending) < _FARTHEST:
                    pending += self.graph.reads[maker]
            self._weights[node] = frozenset(filter(self.is_matrix, pending))
        return self._weights[node]

    def is_matrix(self, value: int) -> bool:
        """Whether a value is an initializer of two axes or more."""
        tensor = self.graph.initializers.get(value)
        return tensor is not None and len(tensor.dims) > 1

    def is_sum(self, node: int) -> bool:
        """Whether a node adds."""
        return self.graph.operators[node][1] == "Add"

    def product(self, node: int) -> Product:
        """Return the product that a node completes: its own, else that of the producer of its operand.

        The producer does not count if it has other readers, or if the node has several computed operands.
        """
        if own := self.weights(node):
            return Product(NONE, own)
        constants = self.graph.constants
        made = [value for value in self.graph.reads[node] if value != NONE and value not in constants]
        maker = self.graph.producer[made[0]] if len(made) == 1 else NONE
        if maker == NONE or len({*self.graph.successors(maker)}) != 1:
            return Product(NONE, frozenset())
        return Product(maker, self.weights(maker))

    def _nearest(self, node: int, step: Callable[[int], Iterable[int]]) -> list[int]:
        found: list[int] = []
        front, seen = [node], {node}
        while front and not found and len(seen) < _FARTHEST:
            around = dict.fromkeys(islice((other for each in front for other in step(each)), _FARTHEST))
            front = [other for other in around if other not in seen]
            seen.update(front)
            found = [other for other in front if other in self.decided or self.weights(other)]
        return found

    def _places(self, nodes: Sequence[int]) -> list[ModulePath]:
        return [place for node in nodes if (place := self._place(node)) is not None]

    def _place(self, node: int) -> ModulePath | None:
        """Return the module of a node; for an undecided node that only a sum reads, the module of the sum."""
        if node in self.decided:
            return self.decided[node]
        readers = [*{*self.graph.successors(node)}]
        return self.decided.get(readers[0]) if len(readers) == 1 and self.is_sum(readers[0]) else None
