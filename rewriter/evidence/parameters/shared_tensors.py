"""Decides the module of a node by the owners of the named tensors that it reads.

A tensor with one reader decides the module of that reader. A tensor with several readers is in doubt: it may
be the weight of a module that is called several times, or stand for equal biases that an exporter merged
under the name of the first. So if a node reads tensors that no other node reads, only these decide. A
tensor with several readers is believed only if

1. nothing contradicts: no reader is decided to be outside of the owner, the products that readers compute or
   complete have a weight in common (one module has one weight), and no reader stands between nodes of another
   module, unless all readers have the same weight beside them; and
2. something agrees: all readers have the same weight beside them (they are calls of one module), or each
   reader has nodes of the owner's parent beside it. An owner directly below the root needs no agreement, nor
   does a tensor of two axes or more, since such tensors are not equal by chance.

Some of the readers of a merged tensor can still be placed. A sum directly behind the product of the owner, or
of a module that lacks this parameter, belongs to that module. If no sum was placed in the owner this way, and
only one of the remaining readers stands beside nodes of the owner's parent (not the root), that reader
belongs to the owner.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import NamedTuple

from rewriter.evidence.graph.surroundings import Beside, Surroundings
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.paths import ROOT, ModulePath, common_ancestor

_ROUNDS = 2
"""Number of rounds in which `_believe` judges every tensor; each round builds on earlier decisions."""

Owners = Mapping[int, ModulePath]
Readers = Mapping[int, Sequence[int]]


class _Doubt(NamedTuple):
    """Tensors of one owner with the same readers, and those readers (`nodes`) that they are to place."""

    owner: ModulePath
    readers: tuple[int, ...]
    values: dict[int, None]
    nodes: dict[int, None]


class _Doubts:
    """Doubts about the tensors of a file, one for each owner and set of readers."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self._of_value: dict[int, _Doubt] = {}
        self._found: dict[tuple[ModulePath, tuple[int, ...]], _Doubt] = {}

    def of(self, value: int, owner: ModulePath) -> _Doubt:
        """Return the doubt about a tensor."""
        if value not in self._of_value:  # the key holds all readers, so it is built once for each value
            key = (owner, tuple(self._readers[value]))
            self._of_value[value] = self._found.setdefault(key, _Doubt(*key, {}, {}))
            self._of_value[value].values[value] = None
        return self._of_value[value]

    def in_order(self) -> list[_Doubt]:
        """Return the doubts, those with the fewest readers first."""
        return sorted(self._found.values(), key=lambda doubt: len(doubt.readers))


def decide(graph: GraphIndex, named: Readers, owners_for: Callable[[int], Owners]) -> dict[int, ModulePath]:
    """Return node -> its module, for the nodes that the owners of their tensors decide.

    Args:
        graph: the model.
        named: node -> the values with the name of a parameter that it reads.
        owners_for: node -> the owners of such values.
    """
    readers: dict[int, list[int]] = {}
    for node, values in named.items():
        for value in dict.fromkeys(values):
            readers.setdefault(value, []).append(node)
    decided: dict[int, ModulePath] = {}
    doubts = _Doubts(readers)
    mixed: dict[int, Owners] = {}
    for node, values in named.items():
        owners = {value: owners_for(node)[value] for value in values}
        if deciding := [owners[value] for value in values if len(readers[value]) == 1]:
            decided[node] = common_ancestor(deciding) or ROOT
        elif len({*owners.values()}) > 1:
            mixed[node] = owners
        else:
            value = min(values, key=lambda value: len(readers[value]))
            doubts.of(value, owners[value]).nodes[node] = None
    _judge(graph, decided, doubts.in_order())
    decided.update(_functional(decided, mixed, readers))
    return decided


def _judge(graph: GraphIndex, decided: dict[int, ModulePath], doubts: Sequence[_Doubt]) -> None:
    """Decide doubtful readers as far as possible, and add them to `decided`."""
    around = Surroundings(graph, decided)
    for judge in (*[_believe] * _ROUNDS, _adopt):
        for doubt in doubts:
            if nodes := [node for node in doubt.nodes if node not in decided]:
                decided.update(judge(around, doubt, nodes))


def _believe(around: Surroundings, doubt: _Doubt, nodes: Sequence[int]) -> dict[int, ModulePath]:
    """Place all `nodes` in the owner if something agrees with it and nothing contradicts, else none."""
    owner = doubt.owner
    if any(not owner.holds(around.decided.get(node, owner)) for node in doubt.readers):
        return {}
    products = [weights for node in nodes if (weights := around.product(node).weights)]
    if products and not frozenset.intersection(*products):
        return {}
    beside = {node: around.beside(node) for node in nodes}
    if not _have_one_weight(around, beside, doubt):
        merges = not any(around.is_matrix(value) for value in doubt.values)
        for each in beside.values():
            if _is_within_another(owner, each) or (merges and not _is_inside(owner, each)):
                return {}
    return dict.fromkeys(nodes, owner)


def _adopt(around: Surroundings, doubt: _Doubt, nodes: Sequence[int]) -> dict[int, ModulePath]:
    """Place some of the readers of a merged tensor."""
    told = {node: place for node in nodes if (place := _completed(around, doubt, node)) is not None}
    left = [node for node in nodes if node not in told and _touches(doubt.owner, around.beside(node))]
    if doubt.owner.parent and len(left) == 1 and doubt.owner not in told.values():
        told[left[0]] = doubt.owner
    return told


def _completed(around: Surroundings, doubt: _Doubt, node: int) -> ModulePath | None:
    """Return the module whose product the sum `node` completes; None without such a sum or a known module.

    None too if that module is not the owner and has a parameter with the local name of one of the tensors.
    """
    made = around.product(node).node
    place = around.decided.get(made) if made != NONE and around.is_sum(node) else None
    if place is None or place == doubt.owner:
        return place
    names = (around.graph.value_names[value].rpartition(".")[2] for value in doubt.values)
    return None if any(around.graph.value(place.child(name)) != NONE for name in names) else place


def _functional(decided: Owners, mixed: Mapping[int, Owners], readers: Readers) -> dict[int, ModulePath]:
    """Return node -> the common ancestor of the owners, for nodes that read shared tensors of several owners.

    A node is left out if another reader of a tensor is not decided to be in the owner of the tensor; readers
    of tensors of several owners do not count. Without such a reader, the ancestor computes with the tensors.
    """
    return {
        node: common_ancestor(owners.values()) or ROOT
        for node, owners in mixed.items()
        if all(
            decided.get(reader) == owner
            for value, owner in owners.items()
            for reader in readers[value]
            if reader not in mixed
        )
    }


def _touches(owner: ModulePath, beside: Beside) -> bool:
    """Whether a node beside a reader is in the owner's parent; true if the parent is the root."""
    return not owner.parent or any(owner.parent.holds(place) for place in beside.fed_by + beside.feeds)


def _is_inside(owner: ModulePath, beside: Beside) -> bool:
    """Whether each side of a node on which modules are known has one in the owner's parent.

    True if the parent is the root; otherwise false if neither side has a known module.
    """
    sides = [side for side in (beside.fed_by, beside.feeds) if side]
    above = owner.parent or ROOT
    return not above or (bool(sides) and all(any(map(above.holds, side)) for side in sides))


def _is_within_another(owner: ModulePath, beside: Beside) -> bool:
    """Whether a reader stands inside a module that does not hold the owner.

    It does if there are pairs of a module before the reader and another module behind it, and no pair has a
    caller that holds the owner. A pair of the same module does not count: the reader may stand between two
    calls of that module. Without nodes before it, the reader does if modules behind it are known, and none of
    them is in the owner's parent.
    """
    if not beside.before:
        return bool(beside.feeds) and not _touches(owner, beside)
    pairs = {(a, b) for a, b in product(beside.fed_by, beside.feeds) if a != b}
    return bool(pairs) and not any(_caller(*pair).holds(owner) for pair in pairs)


def _have_one_weight(around: Surroundings, beside: Mapping[int, Beside], doubt: _Doubt) -> bool:
    """Whether there is one weight that each reader, or a node beside that reader, reads.

    At least as many of these nodes must read the weight as there are readers. The tensors in doubt do not
    count as such a weight.
    """
    carriers: dict[int, set[int]] = {}
    times: dict[int, int] = {}
    for node, each in beside.items():
        near = {other: around.weights(other) for other in (node, *each.before, *each.behind)}
        for other, weights in near.items():
            for weight in weights:
                carriers.setdefault(weight, set()).add(other)
        for weight in frozenset().union(*near.values()) - doubt.values.keys():
            times[weight] = times.get(weight, 0) + 1
    return any(count == len(beside) <= len(carriers[weight]) for weight, count in times.items())


def _caller(one: ModulePath, other: ModulePath) -> ModulePath:
    """Return the caller of two modules: the common ancestor, or its parent if that is one of the two."""
    common = common_ancestor((one, other)) or ROOT
    return common.parent or ROOT if common in (one, other) else common
