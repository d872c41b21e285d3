"""Finds the module that holds each tensor of the file, and the role of the tensor there.

A parameter claim decides first: it states the parameter that the tensor holds, by a name, a checkpoint, the
record of the exporter, or the position of an operand. The name of a TensorFlow or Keras variable decides
next. Any other tensor belongs to the lowest module that holds all its readers. If an unplaced node computes
with the tensor and with a value that is no constant, the tensor belongs to the root. A scale, zero point or
group index belongs to the module of its weight.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from math import prod

from rewriter.evidence.claims import InitializerSlice, ParameterClaim
from rewriter.evidence.parameters.owners import owner_by_variable
from rewriter.evidence.parameters.stored_tensors import Stored
from rewriter.evidence.parameters.tensor_roles import Operands
from rewriter.evidence.roles import Role
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.model.tensors import dtype_name
from rewriter.modules.module import OwnedBy, Tensor
from rewriter.modules.module_tree import Placement
from rewriter.paths import ROOT, ModulePath, common_ancestor

_STEPS = 64
"""Maximum number of values made from a tensor that are followed to its readers; beyond, the root has it."""


def held_tensors(
    graph: GraphIndex,
    operands: Operands,
    claims: Iterable[ParameterClaim],
    placements: Sequence[Placement | None],
) -> Iterator[tuple[ModulePath, Tensor]]:
    """Yield every tensor of the file with its module; a tied tensor once for each module that claims it."""
    claimed = _claimed(named_tensors(graph, operands), claims)
    tops = {place.module.cut(1) for place in set(placements) if place is not None}
    held: dict[int, tuple[ModulePath, Role]] = {}
    for value in operands.stored:
        if value in operands.helpers:
            continue
        of_value = claimed.get(value, [])
        if of_value:
            owner, reason = of_value[0].name.parent or ROOT, OwnedBy.CLAIM
        elif (layer := _of_variable(graph, operands, value, tops)) is not None:
            owner, reason = layer, OwnedBy.VARIABLE
        else:
            owner, reason = _of_readers(graph, value, placements)
        role = role_of(operands, value, [claim.name for claim in of_value])
        held[value] = owner, role
        stored = operands.stored[value]
        count = operands.packed.get(value, stored.elements)
        whole = _tensor(graph, value, stored, role, count, reason)
        if not of_value or (len(of_value) == 1 and of_value[0].part is None):
            yield owner, whole
        else:
            yield from _parts(whole, of_value, owner)
    for helper, weight in operands.helpers.items():
        owner, role = held.get(operands.helpers.get(weight, weight), (ROOT, Role.CONSTANT))
        yield owner, _tensor(graph, helper, operands.stored[helper], role, 0, OwnedBy.WEIGHT)


def named_tensors(graph: GraphIndex, operands: Operands) -> dict[str, int]:
    """Map the names of tensors to their values; the main graph goes before its bodies and functions."""
    named = {graph.value_names[value]: value for value in reversed(list(operands.stored))}
    main = graph.bodies[0].values
    return named | {name: value for name, value in main.items() if value in operands.stored}


def _claimed(
    named: Mapping[str, int], claims: Iterable[ParameterClaim]
) -> Mapping[int, list[ParameterClaim]]:
    """Map each claimed tensor to the claims on its name, one for each parameter and part."""
    found: dict[int, list[ParameterClaim]] = {}
    several: set[int] = set()
    for claim in claims:
        if (value := named.get(claim.initializer)) is not None:
            if (of_value := found.get(value)) is None:
                found[value] = [claim]
            else:
                of_value.append(claim)
                several.add(value)
    for value in several:
        distinct: dict[tuple[object, ...], ParameterClaim] = {}
        for claim in found[value]:
            distinct.setdefault((claim.name, claim.part), claim)
        found[value] = list(distinct.values())
    return found


def _parts(
    whole: Tensor, claims: list[ParameterClaim], owner: ModulePath
) -> Iterator[tuple[ModulePath, Tensor]]:
    """Yield the whole tensor for each module that claims it.

    If parts are claimed, yield each part for the module that claims it, and the rest for `owner`.
    """
    if not any(claim.part for claim in claims):
        for path in dict.fromkeys(claim.name.parent or ROOT for claim in claims):
            yield path, whole
        return
    held = {claim.part: _part_of(whole, claim.part) for claim in claims if claim.part is not None}
    owned = ((claim.name.parent or ROOT, held[claim.part]) for claim in claims if claim.part is not None)
    yield from dict.fromkeys(owned)
    count, size = (sum(getattr(each, of) for each in held.values()) for of in ("count", "size"))
    if whole.count > count:
        yield owner, whole._replace(count=whole.count - count, size=whole.size - size)


def _tensor(graph: GraphIndex, value: int, stored: Stored, role: Role, count: int, reason: OwnedBy) -> Tensor:
    name, dtype = graph.value_names[value], dtype_name(stored.data_type)
    return Tensor(value, name, role, stored.dims, dtype, count, stored.size, None, reason)


def _part_of(whole: Tensor, part: InitializerSlice) -> Tensor:
    shape = part.shape(whole.shape)
    length, taken = max(prod(whole.shape), 1), prod(shape)
    count, size = whole.count * taken // length, whole.size * taken // length
    return whole._replace(shape=shape, count=count, size=size, part=part)


def role_of(operands: Operands, value: int, names: Sequence[str]) -> Role:
    """Return the role of a tensor that holds the parameters `names`, which may be empty."""
    role = operands.roles[value]
    if role is not Role.CONSTANT or not names:
        return role
    learned = operands.stored[value].is_float or value in operands.quantised
    return Role.PARAMETER if learned else Role.BUFFER


def _of_variable(
    graph: GraphIndex, operands: Operands, value: int, tops: Set[ModulePath]
) -> ModulePath | None:
    """Return the layer that the name of a TensorFlow or Keras variable contains.

    None if the tensor is no such parameter, or if the top module of the layer has no nodes.
    """
    owner = owner_by_variable(graph, value) if operands.roles[value] is Role.PARAMETER else None
    return owner if owner and owner.cut(1) in tops else None


def _of_readers(
    graph: GraphIndex, value: int, placements: Sequence[Placement | None]
) -> tuple[ModulePath, OwnedBy]:
    """Return the lowest module that holds all readers of a tensor, and the reason for it.

    An unplaced reader that computes with stored tensors alone is replaced by its own readers. Any other
    unplaced reader gives the tensor to the root, since the owner of the tensor is as unknown as that of the
    node. A tensor without readers belongs to the module of the node that writes it, else to the root.
    """
    found: list[ModulePath] = []
    maker = graph.producer[value]
    pending = list(graph.readers[value])
    prepared, reason = {value, NONE}, OwnedBy.READERS
    seen: set[int] = set()
    while pending:
        node = pending.pop()
        if node in seen:
            continue
        seen.add(node)
        if (place := placements[node]) is not None:
            found.append(place.module)
        elif len(prepared) < _STEPS and _prepares(graph, node, prepared):
            prepared.update(graph.writes[node])
            pending += graph.successors(node)
        else:
            found.append(ROOT)
            reason = OwnedBy.UNPLACED_READER
    if found:
        return common_ancestor(found) or ROOT, reason
    if maker != NONE and (place := placements[maker]) is not None:
        return place.module, OwnedBy.WRITER
    return ROOT, OwnedBy.NOBODY


def _prepares(graph: GraphIndex, node: int, prepared: Set[int]) -> bool:
    """Whether a node reads constants alone, such as a node that transposes or dequantises a weight."""
    return all(read in prepared or read in graph.constants for read in graph.reads[node])
