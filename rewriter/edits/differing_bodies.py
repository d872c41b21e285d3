"""Describes why calls of modules cannot be nodes of one operator: their bodies differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rewriter.evidence.metadata import tags
from rewriter.passes.functions.body_differences import first_difference
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
    nodes = f" (node {right or 'none'}, there {left or 'none'})" if left or right else ""
    more = f" and {len(others) - 1} more calls" if len(others) > 1 else ""
    return f"{_call_of(other)}{more}: other {what} than {_call_of(one)}{nodes}"


def _call_of(member: Member) -> str:
    return f"{member.module}@{member.call}" if member.call else str(member.module)
