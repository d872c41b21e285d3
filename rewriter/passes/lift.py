"""Make inputs of the constants in which otherwise equal functions differ, so that they can share one."""

from __future__ import annotations

from collections.abc import Sequence

from onnx import FunctionProto, GraphProto, ModelProto, NodeProto

from rewriter.model.operators import canonical
from rewriter.passes.canonical import constant_key
from rewriter.passes.twins import Identity, Member, find_twins, identity_of

Body = FunctionProto | GraphProto


def lift_constants(
    model: ModelProto, functions: Sequence[FunctionProto], others: Sequence[FunctionProto]
) -> int:
    """Move differing constants into the callers, round by round up to a caller that has no twin.

    Args:
        model: the model, edited in place.
        functions: those that may change, callees before callers, each called once.
        others: the other functions of the model.

    Returns:
        How often a constant was moved up by one function.
    """
    moved = 0
    while lifted := _round(model, functions, others):
        moved += lifted
    return moved


def _round(model: ModelProto, functions: Sequence[FunctionProto], others: Sequence[FunctionProto]) -> int:
    callers = _callers(model, functions)
    changed: set[Identity] = set()
    moved = 0
    for members in find_twins(functions, others, blind=True):
        identities = [identity_of(member.function) for member in members]
        places = _differing(members)
        # What a function handed up in this round is not in its caller's canonical form yet: next round.
        if not places or not changed.isdisjoint(identities):
            continue
        for member, identity in zip(members, identities, strict=True):
            body, call = callers[identity]
            _lift(member, places, body, call)
            changed.add(identity)
            if isinstance(body, FunctionProto):
                changed.add(identity_of(body))
            moved += len(places)
    return moved


def _callers(model: ModelProto, functions: Sequence[FunctionProto]) -> dict[Identity, tuple[Body, NodeProto]]:
    """Function -> the body that calls it, and the call."""
    bodies: tuple[Body, ...] = (model.graph, *functions)
    ours = {identity_of(function) for function in functions}
    return {
        (node.domain, node.op_type): (body, node)
        for body in bodies
        for node in body.node
        if (node.domain, node.op_type) in ours
    }


def _differing(members: Sequence[Member]) -> list[int]:
    """Places, in canonical order, of Constants that do not hold the same in all members."""
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


def _lift(member: Member, places: Sequence[int], body: Body, call: NodeProto) -> None:
    """Move Constants from a function to right before its call, and hand over what they hold."""
    function = member.function
    at = next(index for index, node in enumerate(body.node) if node is call or node == call)
    for position in sorted((member.body.order[place] for place in places), reverse=True):
        constant = NodeProto()
        constant.CopyFrom(function.node[position])
        del function.node[position]
        function.input.append(constant.output[0])
        call.input.append(constant.output[0])
        body.node.insert(at, constant)
