"""Who owns the weights that nodes read, as far as that can correct what metadata says of those nodes.

A tensor that one node reads decides. One that several read may stand for equal tensors of other modules, which
exporters merge: it decides only where the signature of the program has no parameter left that may have been
merged into it, else it supports.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from functools import cached_property
from typing import NamedTuple

from rewriter.evidence.grammar import owner_of_parameter
from rewriter.evidence.parameters import readers_of
from rewriter.evidence.restored import owners_given
from rewriter.model.graph import NONE, GraphIndex
from rewriter.paths import ModulePath


class Owner(NamedTuple):
    """The owner of what a node reads, and whether that decides."""

    module: ModulePath
    decides: bool


class WeightsRead:
    """Node -> the owner of the weights it reads.

    Args:
        graph: the model.
        signature: the names in the state dict of all parameters and buffers; empty where nobody noted them.
        folded: initializers that were computed -> the names they were computed from.
    """

    def __init__(
        self, graph: GraphIndex, signature: Iterable[str], folded: Mapping[int, tuple[str, ...]]
    ) -> None:
        self._graph = graph
        self._owners_for = owners_given(graph)
        self._folded = {value: owner for value, names in folded.items() if (owner := _owner_of_all(names))}
        self._computed_from = {name for names in folded.values() for name in names}
        self._signature = tuple(signature)
        self._decides: dict[int, bool] = {}
        self._of_node: dict[int, Owner | None] = {}

    def owner(self, node: int) -> Owner | None:
        """The one owner of what `node` reads; None where it reads no weight, or those of several modules."""
        if node not in self._of_node:
            self._of_node[node] = self._find(node)
        return self._of_node[node]

    @cached_property
    def modules(self) -> Set[str]:
        """The modules that names of parameters tell of, with all above them."""
        found: set[str] = set()
        named = (owner_of_parameter(name) for name in self._signature)
        for owner in (*named, *self._folded.values(), *self._owners_for(0).values()):
            path = owner or ""
            while path and path not in found:
                found.add(path)
                path = path.rpartition(".")[0]
        return found

    @cached_property
    def merged(self) -> Mapping[str, Set[ModulePath]]:
        """Local name of a parameter -> owners whose tensor of that name the file lacks: merged, perhaps."""
        graph = self._graph
        present = self._computed_from.union(graph.value_names[value] for value in graph.constants)
        found: dict[str, set[ModulePath]] = {}
        for name in self._signature:
            owner = owner_of_parameter(name)
            if owner and name not in present:
                found.setdefault(name.rpartition(".")[2], set()).add(owner)
        return found

    def possible(self, node: int) -> Set[ModulePath]:
        """All modules that may own what a node reads, where exporters merged equal tensors."""
        found: set[ModulePath] = set()
        owners = self._owners_for(node)
        for value in self._graph.reads[node]:
            if owner := owners.get(value):
                merged = self.merged.get(self._graph.value_names[value].rpartition(".")[2], set())
                found = {owner, *merged} if not found else found & {owner, *merged}
        return found

    def _find(self, node: int) -> Owner | None:
        owners = self._owners_for(node)
        told: dict[bool, set[ModulePath]] = {True: set(), False: set()}
        for value in self._graph.reads[node]:
            owner = owners.get(value) or self._folded.get(value) if value != NONE else None
            if owner:
                told[self._is_decisive(value)].add(owner)
        for decides in (True, False):
            if told[decides]:
                return Owner(next(iter(told[decides])), decides) if len(told[decides]) == 1 else None
        return None

    def _is_decisive(self, value: int) -> bool:
        if value not in self._decides:
            readers = self._graph.readers[value]
            local = self._graph.value_names[value].rpartition(".")[2]
            alone = len(readers) == 1 and len(readers_of(self._graph, value)) == 1
            self._decides[value] = alone or (bool(self._signature) and local not in self.merged)
        return self._decides[value]


def _owner_of_all(names: tuple[str, ...]) -> ModulePath | None:
    owners = {owner_of_parameter(name) for name in names}
    return owners.pop() if len(owners) == 1 else None
