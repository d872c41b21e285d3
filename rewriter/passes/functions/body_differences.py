"""Finds the first differences between bodies of repeated modules, which kept them from sharing a function.

Modules are repeated if their paths differ only in numbers (`layer.0`, `layer.1`) or if one module is called
several times. A difference inside a module that the bodies call is reported for that module only.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from onnx import NodeProto

from rewriter.evidence.metadata import tags
from rewriter.passes.base import Difference, DifferenceWord
from rewriter.passes.functions.equal_functions import Identity, Member, identity_of

_NUMBER = re.compile(r"(?<![^.])\d+(?![^.])")
_ALIKE = 0.75
"""Minimum share of the smaller body's operators that the other body has too, for modules of unknown class.
Modules that differ more are not compared: a list may hold modules of any kind.
"""


def find_differences(twins: Sequence[Sequence[Member]]) -> Iterator[Difference]:
    """Yield, for each further body of repeated modules, its first difference from their first body.

    A body is skipped if its first difference lies inside a module that both bodies call, or if it is too
    unlike (`_ALIKE`).

    Args:
        twins: functions, grouped by equal bodies.
    """
    ours = {identity_of(member.function): member for members in twins for member in members}
    families: dict[tuple[str, str | None], dict[int, list[Member]]] = {}
    for number, members in enumerate(twins):
        for member in members:
            key = (_NUMBER.sub("*", member.module), member.entries.get(tags.CLASS))
            families.setdefault(key, {}).setdefault(number, []).append(member)
    for (_, class_name), family in families.items():
        first, *others = family.values()
        for members in others:
            if class_name or _alike(first[0], members[0]):
                found = first_difference(first[0], members[0], ours)
                if found is not None:
                    yield Difference(first[0].module, members[0].module, *found, len(members))


_PARTS: tuple[DifferenceWord, ...] = ("operator", "attributes", "inputs", "outputs")
"""The parts of a node's key, in order."""


def differing_nodes(left: Member, right: Member) -> tuple[NodeProto, NodeProto] | None:
    """Return the first nodes of two bodies that differ; None if one body ends before, or none differs."""
    pairs = enumerate(zip(left.body.keys, right.body.keys, strict=False))
    number = next((number for number, keys in pairs if keys[0] != keys[1]), None)
    return None if number is None else (_node(left, number), _node(right, number))


def first_difference(
    left: Member, right: Member, members: Mapping[Identity, Member]
) -> tuple[str | None, str | None, DifferenceWord] | None:
    """Return the first nodes that differ, and what differs; None if that lies in a module that both call."""
    for number, keys in enumerate(zip(left.body.keys, right.body.keys, strict=False)):
        if keys[0] == keys[1]:
            continue
        one, two = _node(left, number), _node(right, number)
        called = [_called(node, member, members) for node, member in ((one, left), (two, right))]
        if called[0] is not None and called[0] == called[1]:
            return None
        parts = zip(_PARTS, *keys, strict=True)
        return one.name, two.name, next(what for what, ours, theirs in parts if ours != theirs)
    shorter = min(len(left.body.keys), len(right.body.keys))
    if shorter < len(left.body.keys):
        return _node(left, shorter).name, None, "nodes"
    if shorter < len(right.body.keys):
        return None, _node(right, shorter).name, "nodes"
    same = left.body.key == right.body.key
    return None, None, "modules" if same else "outputs"


def _called(node: NodeProto, caller: Member, members: Mapping[Identity, Member]) -> str | None:
    """Return the module that a node calls, relative to its caller; None if it calls none of `members`."""
    callee = members.get((node.domain, node.op_type))
    return None if callee is None else callee.module.removeprefix(caller.module)


def _alike(left: Member, right: Member) -> bool:
    ours, theirs = (Counter(n.op_type for n in member.function.node) for member in (left, right))
    return (ours & theirs).total() >= _ALIKE * min(ours.total(), theirs.total())


def _node(member: Member, number: int) -> NodeProto:
    return member.function.node[member.body.order[number]]
