"""Finds the owners of the weights that nodes read, to correct the metadata of those nodes.

The owner of a tensor with one reader, aliases included, decides the module of that reader. A tensor with
several readers may stand for equal tensors of other modules, which exporters merge. Its owner decides only if
the file has a signature of the program and all parameters with the same local name in it; else the owner only
supports.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence, Set
from functools import cached_property
from itertools import islice, takewhile
from typing import NamedTuple

from rewriter.evidence.names.original_names import owners_given
from rewriter.evidence.names.scope_grammar import owner_of_parameter
from rewriter.evidence.parameters.parameter_names import readers_of
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.paths import ModulePath


class Owner(NamedTuple):
    """The owner of the weights that a node reads, and whether this owner decides the module of the node."""

    module: ModulePath
    decides: bool


class WeightsRead:
    """Owners of the weights that the nodes of a model read.

    Args:
        graph: the model.
        signature: the dotted names of all parameters and buffers; empty if the file lists none.
        folded: computed initializer -> the names of the values that it was computed from.
    """

    def __init__(
        self, graph: GraphIndex, signature: Iterable[str], folded: Mapping[int, tuple[str, ...]]
    ) -> None:
        self._graph = graph
        self._owners_for = owners_given(graph)
        self._folded = {value: owner for value, names in folded.items() if (owner := _owner_of_all(names))}
        self._folded_from = folded
        self._computed_from = {name for names in folded.values() for name in names}
        self._signature = tuple(signature)
        self._decides: dict[int, bool] = {}
        self._sorted: dict[str, list[str]] = {}
        self._sharers: dict[tuple[int, ...], list[ModulePath]] = {}
        self._of_node: dict[int, Owner | None] = {}

    def owner(self, node: int) -> Owner | None:
        """Return the owner of the weights that `node` reads; None without weights, or with several owners.

        If some of the weights decide, only these count.
        """
        if node not in self._of_node:
            self._of_node[node] = self._find(node)
        return self._of_node[node]

    @cached_property
    def modules(self) -> Set[str]:
        """The modules known from names of parameters, and their ancestors."""
        found: set[str] = set()
        named = (owner_of_parameter(name) for name in self._signature)
        for owner in (*named, *self._folded.values(), *self._owners_for(0).values()):
            path = owner or ""
            while path and path not in found:
                found.add(path)
                path = path.rpartition(".")[0]
        return found

    @cached_property
    def merged(self) -> Mapping[str, Sequence[ModulePath]]:
        """Local name -> owners of parameters of that name that the file lacks; they may have been merged."""
        found: dict[str, list[ModulePath]] = {}
        for name in self._lacking:
            owner = owner_of_parameter(name)
            if owner:
                found.setdefault(name.rpartition(".")[2], []).append(owner)
        return found

    @cached_property
    def folded(self) -> Set[ModulePath]:
        """Modules with parameters that the file lacks; these may have been folded into another module's."""
        return {owner for owners in self.merged.values() for owner in owners}

    @cached_property
    def _lacking(self) -> Mapping[str, None]:
        """The parameters and buffers that the file lacks, in the order of the signature."""
        names = self._graph.value_names
        present = self._computed_from.union(names[value] for value in self._graph.constants)
        return {name: None for name in self._signature if name not in present}

    def may_own(self, node: int, module: ModulePath) -> bool:
        """Whether `node` reads weights and each may stand for a parameter of `module` that the file lacks."""
        read = self._graph.reads[node]
        names = [
            self._name(value) for value in read if value in self._owners_for(node) or value in self._folded
        ]
        return bool(names) and all(f"{module}.{name.rpartition('.')[2]}" in self._lacking for name in names)

    def _name(self, value: int) -> str:
        return self._folded_from[value][0] if value in self._folded else self._graph.value_names[value]

    def decides_below(self, node: int, module: ModulePath) -> bool:
        """Whether the weights that a node reads decide its module, which is known to lie in `module`."""
        owner = self.owner(node)
        if owner is None or owner.decides:
            return owner is not None
        read = (self._graph.value_names[value] for value in self._graph.reads[node] if value != NONE)
        names = (name for name in read if isinstance(name, str))  # bytes if it is not UTF-8
        if not self._signature or module not in self.modules:
            return False
        return not any(self._lacks_below(name.rpartition(".")[2], module) for name in names)

    def _lacks_below(self, local: str, module: ModulePath) -> bool:
        """Whether the file lacks a parameter with this local name of `module` or of a module below it."""
        if local not in self._sorted:
            self._sorted[local] = sorted(f"{owner}." for owner in self.merged.get(local, ()))
        position = bisect_left(self._sorted[local], f"{module}.")
        return any(owner.startswith(f"{module}.") for owner in self._sorted[local][position : position + 1])

    def named(self, node: int) -> tuple[int, ...]:
        """Return the weights that a node reads and whose names show an owner."""
        owners = self._owners_for(node)
        return tuple(value for value in self._graph.reads[node] if value in owners)

    def sharers(self, weights: tuple[int, ...], module: ModulePath) -> list[ModulePath]:
        """Return the modules below `module` that may own all of `weights`, in the order of the signature."""
        if weights not in self._sharers:
            self._sharers[weights] = self._all_sharers(weights)
        prefix = f"{module}." if module else ""
        owners = self._sharers[weights]
        first = bisect_left(owners, prefix)
        below = takewhile(lambda owner: owner.startswith(prefix), islice(owners, first, None))
        return sorted(below, key=lambda owner: self._ranks.get(owner, 0))

    def _all_sharers(self, weights: tuple[int, ...]) -> list[ModulePath]:
        owners, found = self._owners_for(self._graph.readers[weights[0]][0]), []
        for value in weights:
            local = self._graph.value_names[value].rpartition(".")[2]
            found.append({owners[value], *self.merged.get(local, ())})
        return sorted(set.intersection(*found))

    @cached_property
    def _ranks(self) -> Mapping[ModulePath, int]:
        owners = (owner_of_parameter(name) for name in self._signature)
        return {owner: rank for rank, owner in enumerate(owners) if owner}

    def _find(self, node: int) -> Owner | None:
        owners = self._owners_for(node)
        owned = [
            (value, owner)
            for value in self._graph.reads[node]
            if value != NONE and (owner := owners.get(value) or self._folded.get(value))
        ]
        if not owned:  # the usual case
            return None
        told: dict[bool, set[ModulePath]] = {True: set(), False: set()}
        for value, owner in owned:
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
