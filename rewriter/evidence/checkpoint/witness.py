"""Witness: a checkpoint. An initializer with the content of a parameter is that parameter.

The names are those of the checkpoint, with prefixes as in the names that are left in the file (`encoder...`
in the checkpoint may be `model.encoder...` in the file).

Several parameters may have the same content (tied weights, biases that are still zero). The readers of the
initializer decide between them: the parameter is in the module of a reader, if another witness knows that
module, else in a module with another parameter near the reader. If neither rule decides, the initializer gets
all the names. The content of integers, or of a tensor that repeats one simple number, occurs everywhere and
names nothing by itself; for such tensors only the two rules decide.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto

from rewriter.errors import UsageError
from rewriter.evidence.checkpoint.hashes import Checkpoint, Index, Match, is_floating
from rewriter.evidence.claims import CheckpointContents, Claim, Holds, ParameterClaim, Source, Testimony
from rewriter.evidence.names.scope_grammar import owner_of_parameter
from rewriter.evidence.parameters.parameter_names import readers_of
from rewriter.model.index.graph import GraphIndex
from rewriter.model.storage.external_data import check_external_data
from rewriter.model.tensors import array_of, is_external, np_type, reference_of
from rewriter.paths import ROOT, ModulePath, common_ancestor

_RINGS = 3
"""Maximum number of edges between readers of two parameters of one module: MatMul, Reshape, Add."""
_CAST_FOR = 16
"""Minimum elements of an initializer whose type counts as one to which the checkpoint may have been cast."""


@dataclass(frozen=True, slots=True)
class _Found:
    """An initializer that was looked up in the checkpoint.

    Attributes:
        value: its number in the index of the model.
        equal: all tensors of the checkpoint that it holds.
        matches: those of them whose names it may get.
        telling: whether content alone may name it.
    """

    value: int
    equal: tuple[Match, ...]
    matches: tuple[Match, ...]
    telling: bool

    @property
    def whole(self) -> bool:
        """Whether each match fills the initializer, so that several matches are equal tensors."""
        return all(match.part is None for match in self.matches)


class ForeignCheckpoint(UsageError):
    """No tensor of a checkpoint is in the model as it is: it is another one, or the exporter computed all."""


def testify(
    graph: GraphIndex, modules: Sequence[ModulePath | None], checkpoint: Checkpoint, path: Path | None
) -> Testimony:
    """Return names of the initializers with content of the checkpoint, and claims on their readers.

    Args:
        graph: the model.
        modules: node -> its module, if known.
        checkpoint: the checkpoint.
        path: the file of the model; its external data lies beside it.

    Raises:
        UnreadableModel: the checkpoint or external data of the model cannot be read.
        ForeignCheckpoint: no content that identifies a tensor is in both, though the model has an initializer
            of two axes or more.
        UsageError: the checkpoint needs torch, which is not installed.
    """
    values = [value for value in graph.bodies[0].values.values() if value in graph.initializers]
    tensors = {value: graph.initializers[value] for value in values}
    index = checkpoint.index(_float_types(tensors.values()))
    _demand_data(graph, checkpoint, path)
    looked_up = [_look_up(value, tensor, index, checkpoint, path) for value, tensor in tensors.items()]
    found = [each for each in looked_up if each.matches]
    if not any(each.telling for each in found) and any(len(tensor.dims) > 1 for tensor in tensors.values()):
        raise ForeignCheckpoint(
            f"{path or 'model'}: the checkpoint {checkpoint.path} does not fit: none of its {index.count:,} "
            "tensors is in this file; give the weights that were exported"
        )
    names = _Names(graph, found)
    claims = [claim for each in found for claim in names.claims(each, modules)]
    note = _note(checkpoint, index, claims, len(tensors))
    contents = CheckpointContents(names.of_checkpoint(index), names.held(looked_up))
    placements = tuple(_placements(graph, claims))
    return Testimony(placements, {}, tuple(claims), notes=(note,), contents=contents)


def _float_types(tensors: Any) -> dict[str, np.dtype[Any]]:
    types = {}
    for tensor in tensors:
        element = np_type(tensor.data_type)
        if element is not None and is_floating(element) and np.prod(tensor.dims, dtype=object) >= _CAST_FOR:
            types[element.name] = element
    return types


def _demand_data(graph: GraphIndex, checkpoint: Checkpoint, path: Path | None) -> None:
    """Check the external data of the model, unless all of it was looked up before."""
    external = [tensor for tensor in graph.initializers.values() if is_external(tensor)]
    if path is not None and any(_key(tensor) not in checkpoint.seen for tensor in external):
        check_external_data(graph.model, path)


def _key(tensor: TensorProto) -> object:
    try:
        return (*reference_of(tensor), tensor.data_type, tuple(tensor.dims))
    except ValueError:
        return None


def _look_up(
    value: int, tensor: TensorProto, index: Index, checkpoint: Checkpoint, path: Path | None
) -> _Found:
    key = _key(tensor) if is_external(tensor) else None
    matches = checkpoint.seen.get(key) if key is not None else None
    if matches is None:
        array = array_of(tensor, path.parent if path else None)
        matches = index.matches(array) if array is not None else ()
        if key is not None:
            checkpoint.seen[key] = matches
    element = np_type(tensor.data_type)
    telling = element is not None and is_floating(element) and not any(match.stored.dull for match in matches)
    if telling:
        return _Found(value, matches, matches, telling)
    # Keep matches of the same shape: a reshaped constant identifies nothing.
    alike = tuple(match for match in matches if match.stored.shape == tuple(tensor.dims))
    return _Found(value, matches, alike, telling)


class _Names:
    """Choice of the name of an initializer among the parameters with its content."""

    def __init__(self, graph: GraphIndex, found: Sequence[_Found]) -> None:
        self.graph = graph
        self.inside, self.part = _prefixes(graph, found)
        self.owners: dict[int, set[ModulePath]] = {}
        for each in found:
            names = [self.path(match) for match in each.matches]
            if each.telling and (len(names) == 1 or not each.whole):
                for reader in readers_of(graph, each.value):
                    self.owners.setdefault(reader, set()).update(name.parent or ROOT for name in names)

    def path(self, match: Match) -> ModulePath:
        """Return the name that a tensor of the checkpoint has in the file."""
        name = ModulePath(match.stored.name)
        return self.inside.child(name.relative_to(self.part)) if self.part.holds(name) else name

    def of_checkpoint(self, index: Index) -> frozenset[ModulePath]:
        """Return the names that all tensors of the checkpoint have in the file."""
        return frozenset(self.path(Match(stored)) for each in index.by_digest.values() for stored in each)

    def held(self, looked_up: Iterable[_Found]) -> dict[str, dict[ModulePath, Holds]]:
        """Return initializer -> the parameters that it holds, and how."""
        return {
            self.graph.value_names[each.value]: {
                self.path(match): _relation(match, tuple(self.graph.initializers[each.value].dims))
                for match in each.equal
            }
            for each in looked_up
        }

    def claims(self, found: _Found, modules: Sequence[ModulePath | None]) -> Iterator[ParameterClaim]:
        """Yield the claims on an initializer.

        There are none if the name of the initializer already shows the owner of a match or is not UTF-8, or
        if content alone may not name the initializer and its readers do not decide.
        """
        initializer = self.graph.value_names[found.value]
        if not isinstance(initializer, str):
            return
        matches = list(found.matches)
        own = owner_of_parameter(initializer)
        if own is not None and any((self.path(match).parent or ROOT) == own for match in matches):
            return
        if found.whole and (len(matches) > 1 or not found.telling):
            near = self._near(found.value, matches, modules)
            matches = near or (matches if found.telling else [])
        for match in matches:
            dims = tuple(self.graph.initializers[found.value].dims)
            yield ParameterClaim(
                initializer,
                self.path(match),
                match.transposed,
                Source.CHECKPOINT,
                match.part,
                _relation(match, dims),
            )

    def _near(self, value: int, matches: list[Match], modules: Sequence[ModulePath | None]) -> list[Match]:
        """Return the matches in the modules of the readers, or near them: at most one for each reader."""
        near: dict[str, Match] = {}
        for reader in readers_of(self.graph, value):
            places = [{module} if (module := modules[reader]) is not None else set(), *self._rings(reader)]
            for owners in places:
                there = [match for match in matches if (self.path(match).parent or ROOT) in owners]
                if there:
                    near.update({there[0].stored.name: there[0]} if len(there) == 1 else {})
                    break
        return list(near.values())

    def _rings(self, node: int) -> Iterator[set[ModulePath]]:
        """Yield the owners of parameters that a node reads, then those of the nodes around, by distance."""
        seen = ring = {node}
        for _ in range(_RINGS + 1):
            yield {owner for member in ring for owner in self.owners.get(member, ())}
            around = {
                n
                for member in ring
                for n in (*self.graph.predecessors(member), *self.graph.successors(member))
            }
            ring = around - seen
            seen = seen | ring


def _relation(match: Match, dims: tuple[int, ...]) -> Holds:
    """Return the relation of an initializer of shape `dims` to a tensor of the checkpoint that it holds."""
    if match.part is not None:
        return Holds.PART
    if match.transposed:
        return Holds.TRANSPOSED
    return Holds.EXACT if match.stored.shape == dims else Holds.RESHAPED


def _prefixes(graph: GraphIndex, found: Sequence[_Found]) -> tuple[ModulePath, ModulePath]:
    """Return the prefix to add to names of the checkpoint, and the one to remove, by names in the file."""
    votes: Counter[tuple[ModulePath, ModulePath]] = Counter()
    for each in found:
        name = graph.value_names[each.value]
        if each.telling and each.whole and owner_of_parameter(name):
            stored = (ModulePath(match.stored.name) for match in each.matches)
            votes.update({_unlike(ModulePath(name), other) for other in stored if other.name == _last(name)})
    ranked = sorted(votes, key=lambda pair: (-votes[pair], pair[0].depth + pair[1].depth, pair))
    return ranked[0] if ranked else (ROOT, ROOT)


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _unlike(left: ModulePath, right: ModulePath) -> tuple[ModulePath, ModulePath]:
    """Return two names without their common atoms at the end."""
    ours, theirs = list(left.atoms), list(right.atoms)
    while ours and theirs and ours[-1] == theirs[-1]:
        ours.pop()
        theirs.pop()
    return ModulePath(".".join(ours)), ModulePath(".".join(theirs))


def _placements(graph: GraphIndex, claims: Sequence[ParameterClaim]) -> Iterator[Claim]:
    """Yield claims on readers of named initializers: the owners' common ancestor, unless that is the root."""
    names: dict[int, list[ModulePath]] = {}
    for claim in claims:
        for reader in readers_of(graph, graph.bodies[0].values[claim.initializer]):
            names.setdefault(reader, []).append(claim.name)
    for node, read in sorted(names.items()):
        module = common_ancestor([name.parent or ROOT for name in read])
        if module:
            yield Claim(node, module, None, Source.CHECKPOINT, None, ", ".join(read))


def _note(checkpoint: Checkpoint, index: Index, claims: Sequence[ParameterClaim], initializers: int) -> str:
    by_initializer: Mapping[str, ParameterClaim] = {claim.initializer: claim for claim in claims}
    transposed = sum(claim.transposed for claim in by_initializer.values())
    return (
        f"checkpoint {checkpoint.path.name}: {index.count:,} tensors name {len(by_initializer):,} of "
        f"{initializers:,} initializers, {transposed:,} of them transposed"
    )
