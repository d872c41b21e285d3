"""Turns constants in which otherwise equal functions differ into inputs, so that these can be merged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from onnx import FunctionProto, GraphProto, ModelProto, NodeProto

from rewriter.evidence.metadata import tags
from rewriter.model import metadata
from rewriter.model.index.graph import graphs_of
from rewriter.model.operator_set.operators import canonical
from rewriter.passes.functions.canonical_form import constant_key
from rewriter.passes.functions.equal_functions import Identity, Member, find_equal_functions, identity_of
from rewriter.passes.functions.function_names import places_of, ranges

Body = FunctionProto | GraphProto


def lift_constants(
    model: ModelProto, functions: Sequence[FunctionProto], others: Sequence[FunctionProto]
) -> int:
    """Move differing constants into the callers, repeatedly, up to a caller without an equal function.

    Args:
        model: the model, edited in place.
        functions: the functions that may change, callees before callers, each called once.
        others: the other functions of the model.

    Returns:
        The number of moves; a constant that moves out of two functions counts twice.
    """
    moved = 0
    while lifted := _round(model, functions, others):
        moved += lifted
    return moved


def _round(model: ModelProto, functions: Sequence[FunctionProto], others: Sequence[FunctionProto]) -> int:
    callers = _callers(model, functions)
    changed: set[Identity] = set()
    positions: dict[int, _FlatPositions] = {}  # of the bodies with calls, by the id of their record
    moved = 0
    for members in find_equal_functions(functions, others, blind=True):
        identities = [identity_of(member.function) for member in members]
        places = _differing(members)
        # The canonical form of a changed body is out of date: such a body waits for the next round.
        if not places or not changed.isdisjoint(identities):
            continue
        for member, identity in zip(members, identities, strict=True):
            caller = callers[identity]
            if (outside := positions.get(id(caller.record))) is None:
                outside = positions[id(caller.record)] = _FlatPositions(caller.record, caller.body)
            _lift(member, places, caller, outside)
            changed.add(identity)
            if caller.function is not None:
                changed.add(caller.function)
            moved += len(places)
    for each in positions.values():
        each.write()
    return moved


@dataclass(frozen=True, slots=True)
class _Caller:
    """Call of a function.

    Attributes:
        call: the node.
        body: the graph or function with the node.
        record: the message with the flat positions of the nodes of `body`.
        function: the function around the node; None in the main graph.
    """

    call: NodeProto
    body: Body
    record: metadata.HasMetadata
    function: Identity | None


def _callers(model: ModelProto, functions: Sequence[FunctionProto]) -> dict[Identity, _Caller]:
    """Map each function to its call."""
    ours = {identity_of(function) for function in functions}
    found: dict[Identity, _Caller] = {}

    def search(body: Body, record: metadata.HasMetadata, function: Identity | None) -> None:
        for node in body.node:
            if (identity := (node.domain, node.op_type)) in ours:
                found[identity] = _Caller(node, body, record, function)
            for attribute in node.attribute:
                for graph in graphs_of(attribute):
                    search(graph, graph, function)

    search(model.graph, model, None)
    for function in reversed(functions):  # callers before callees
        search(function, found[identity_of(function)].call, identity_of(function))
    return found


def _differing(members: Sequence[Member]) -> list[int]:
    """Return positions, in canonical order, of Constants with different values in the members.

    Constants that are outputs of the functions do not count.
    """
    first = members[0]
    results = set(first.function.output)
    places = []
    for place, position in enumerate(first.body.order):
        node = first.function.node[position]
        if node.op_type == "Constant" and not canonical(node.domain) and node.output[0] not in results:
            keys = {constant_key(member.function.node[member.body.order[place]]) for member in members}
            if len(keys) > 1:
                places.append(place)
    return places


def _lift(member: Member, places: Sequence[int], caller: _Caller, outside: _FlatPositions) -> None:
    """Move Constants from a function to right before its call, and pass them as inputs.

    Args:
        member: the function.
        places: positions of the Constants, in canonical order.
        caller: its call.
        outside: the flat positions of the nodes of the body with the call, edited in place.
    """
    body, call = caller.body, caller.call
    function = member.function
    at = next(index for index, node in enumerate(body.node) if node is call or node == call)
    inside = _FlatPositions(call, function)
    for position in sorted((member.body.order[place] for place in places), reverse=True):
        outside.give(at, inside.take(position))
        constant = NodeProto()
        constant.CopyFrom(function.node[position])
        del function.node[position]
        function.input.append(constant.output[0])
        call.input.append(constant.output[0])
        body.node.insert(at, constant)
    inside.write()


class _FlatPositions:
    """Record of the flat positions of the nodes of a body that are no calls: `tags.ORDER`."""

    def __init__(self, owner: metadata.HasMetadata, body: Body) -> None:
        self.owner = owner
        calls = [metadata.get(node, tags.ORDER) is not None for node in body.node]
        numbers = iter(places_of(owner, tags.ORDER, len(calls)))
        self.places = [None if is_call else next(numbers, None) for is_call in calls]
        self.known = self.places.count(None) == sum(calls)

    def take(self, position: int) -> int | None:
        """Remove a node; return its flat position, None if unknown."""
        return self.places.pop(position)

    def give(self, position: int, place: int | None) -> None:
        """Insert a node before the one at `position`."""
        self.known = self.known and place is not None
        self.places.insert(position, place)

    def write(self) -> None:
        """Write the record; an empty one if some position is not known."""
        numbers = [place for place in self.places if place is not None] if self.known else []
        metadata.write(self.owner, {tags.ORDER: ranges(numbers)})
