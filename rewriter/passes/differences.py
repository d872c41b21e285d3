"""Where the bodies of repeated modules differ, so that they could not share a function.

Modules are repeated where their paths differ in numbers alone (`layer.0`, `layer.1`) or where one is called
several times. A difference is told once, for the innermost modules that have it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from onnx import NodeProto

from rewriter.passes.canonical import CanonicalBody
from rewriter.passes.shared_function import Member
from rewriter.paths import ModulePath

_NUMBER = re.compile(r"(^|(?<=\.))\d+(?=\.|$)")


@dataclass(frozen=True, slots=True)
class Difference:
    """Two calls of repeated modules that could not share a function.

    Attributes:
        module: the first call's module.
        other: the other call's module; the same where a module is called several times.
        node: the first node, in canonical order, that differs; None where one body ends before the other.
        other_node: its counterpart.
        what: what differs: `operator`, `attributes`, `inputs`, `outputs` or `nodes`.
        calls: how many calls have the other body.
    """

    module: ModulePath
    other: ModulePath
    node: str | None
    other_node: str | None
    what: str
    calls: int

    def __str__(self) -> str:
        more = f" and {self.calls - 1} more" if self.calls > 1 else ""
        return (
            f"{self.other or '(root)'}{more}: another body than {self.module or '(root)'}: {self.what} of "
            f"{self.other_node or 'its end'} against {self.node or 'its end'}"
        )


def find_differences(
    twins: Sequence[Sequence[Member]], is_call: Callable[[NodeProto], bool]
) -> Iterator[Difference]:
    """The first difference of every body of a family of repeated modules from the family's first body.

    Args:
        twins: functions by equal bodies.
        is_call: whether a node calls one of these functions; other bodies there are told of by themselves.
    """
    families: dict[str, dict[int, list[Member]]] = {}
    for number, members in enumerate(twins):
        for member in members:
            family = families.setdefault(_NUMBER.sub("*", member.module), {})
            family.setdefault(number, []).append(member)
    for family in families.values():
        first, *others = family.values()
        for members in others:
            found = _first_difference(first[0], members[0], is_call)
            if found is not None:
                yield Difference(first[0].module, members[0].module, *found, len(members))


def _first_difference(
    left: Member, right: Member, is_call: Callable[[NodeProto], bool]
) -> tuple[str | None, str | None, str] | None:
    for number, keys in enumerate(zip(left.body.keys, right.body.keys, strict=False)):
        ours, theirs = _node(left, number), _node(right, number)
        if keys[0] != keys[1] and not (is_call(ours) and is_call(theirs)):
            return ours.name, theirs.name, _what(left.body, right.body, number)
    if len(left.body.keys) != len(right.body.keys):
        number = min(len(left.body.keys), len(right.body.keys))
        longer = left if len(left.body.keys) > number else right
        name = _node(longer, number).name
        return (name, None, "nodes") if longer is left else (None, name, "nodes")
    if len(left.body.outputs) != len(right.body.outputs) or left.body.keys == right.body.keys:
        return None, None, "outputs"
    return None


def _node(member: Member, number: int) -> NodeProto:
    return member.function.node[member.body.order[number]]


def _what(left: CanonicalBody, right: CanonicalBody, number: int) -> str:
    names = ("operator", "attributes", "inputs", "outputs")
    pairs = zip(names, left.keys[number], right.keys[number], strict=True)
    return next(name for name, ours, theirs in pairs if ours != theirs)
