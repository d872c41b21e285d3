"""Describes why calls of modules cannot be nodes of one operator: their bodies differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from onnx import AttributeProto, NodeProto

from rewriter.basics.display import counted
from rewriter.evidence.metadata import tags
from rewriter.model.index.columns import HOLD_GRAPHS
from rewriter.passes.functions.body_differences import differing_nodes, first_difference
from rewriter.passes.functions.equal_functions import Identity, Member, identity_of

_MOST_TOLD = 3
"""Maximum number of differing bodies that a message names."""


def describe_differences(first: Sequence[Member], others: Sequence[Sequence[Member]]) -> str:
    """Return the message for calls with different bodies.

    Args:
        first: calls with one body.
        others: calls with other bodies, by body.
    """
    ours = {identity_of(member.function): member for members in (first, *others) for member in members}
    told = [_difference(first[0], members, ours) for members in others]
    more = f" and {len(told) - _MOST_TOLD} more" if len(told) > _MOST_TOLD else ""
    return (
        f"one operator has one body, but {'; '.join(told[:_MOST_TOLD])}{more}; choose modules with one body"
    )


def _difference(one: Member, others: Sequence[Member], ours: Mapping[Identity, Member]) -> str:
    """Describe the first difference of some calls from one call."""
    other = others[0]
    classes = one.entries.get(tags.CLASS), other.entries.get(tags.CLASS)
    found = first_difference(one, other, ours)
    if found is None or classes[0] != classes[1]:
        return f"{_call_of(other)} is a {classes[1]}, and {_call_of(one)} a {classes[0]}"
    left, right, what = found
    nodes = differing_nodes(one, other)
    details = _details(*nodes, what) if nodes else ("", "")
    told = (
        f" (node {right or 'none'}{details[1]}, there {left or 'none'}{details[0]})" if left or right else ""
    )
    more = f" and {counted(len(others) - 1, 'more call')}" if len(others) > 1 else ""
    return f"{_call_of(other)}{more}: other {what} than {_call_of(one)}{told}"


def _details(left: NodeProto, right: NodeProto, what: str) -> tuple[str, str]:
    """Return what two nodes have that differs, each as a phrase behind the name of its node."""
    if what == "operator":
        return f", {left.op_type}", f", {right.op_type}"
    if what != "attributes":
        return "", ""
    ours, theirs = ({each.name: each for each in node.attribute} for node in (left, right))
    for name in sorted({*ours, *theirs}):
        if name not in ours or name not in theirs:
            lacks, has = f" without {name}", f" with {name}"
            return (has, lacks) if name in ours else (lacks, has)
        if ours[name].type != theirs[name].type:
            return f" with {_type_of(ours[name])} {name}", f" with {_type_of(theirs[name])} {name}"
    graphs = [name for name in sorted(ours) if ours[name].type in HOLD_GRAPHS]
    return "", f" with another {' or '.join(graphs)}" if graphs else ""


def _type_of(attribute: AttributeProto) -> str:
    return str(AttributeProto.AttributeType.Name(attribute.type).lower())


def _call_of(member: Member) -> str:
    return f"{member.module}@{member.call}" if member.call else str(member.module)
