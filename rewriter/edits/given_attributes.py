"""Attributes that a user gives an operator, for a kernel that demands them: `num_heads=4`.

The body does not read them. The function declares them too, so that its signature is that of its calls.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from onnx import FunctionProto, NodeProto, helper

from rewriter.errors import UsageError

AttributeValue = int | float | str | Sequence[int] | Sequence[float] | Sequence[str]
"""Value of an attribute: a number, a text, or several of one kind."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_MOST = 1 << 63
"""The first integer that is too large for an attribute."""


def read_attributes(texts: Iterable[str]) -> dict[str, AttributeValue]:
    """Read attributes in the form `name=value`.

    A value is JSON (`4`, `0.5`, `"4"`, `[1, 2]`); any other value is a text as it stands.

    Raises:
        UsageError: a text has another form, a name is given twice, or see `demand_attribute`.
    """
    found: dict[str, AttributeValue] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign:
            raise UsageError(f"--attribute {text!r}: write NAME=VALUE, such as num_heads=4")
        if name in found:
            raise UsageError(f"--attribute {name} is given twice")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
        demand_attribute(name, found[name])
    return found


def demand_attribute(name: str, value: Any) -> None:
    """Refuse a name or value that no attribute of an operator can have.

    Raises:
        UsageError: the name is no identifier, or the value is no number or text, nor several of one kind.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} names no attribute; use letters, digits and '_', such as num_heads")
    several = value if isinstance(value, list | tuple) else [value]
    kinds = {type(each) for each in several}
    if kinds not in ({int}, {float}, {int, float}, {str}):
        raise UsageError(
            f"attribute {name}: {value!r} is no integer, float or text, nor a list with entries of one kind"
        )
    if any(isinstance(each, int) and not -_MOST <= each < _MOST for each in several):
        raise UsageError(f"attribute {name}: {value!r} does not fit 64 bits")


def give(
    function: FunctionProto, calls: Iterable[NodeProto], attributes: Mapping[str, AttributeValue], file: str
) -> None:
    """Write attributes into a function and its calls, in place.

    Raises:
        UsageError: the function has an attribute of such a name, by which the modules differ.
    """
    if taken := next((name for name in attributes if name in function.attribute), None):
        raise UsageError(
            f"{file}: attribute {taken} has the values in which the modules differ; give no other, or choose "
            "another name"
        )
    made = [helper.make_attribute(name, value) for name, value in attributes.items()]
    function.attribute.extend(attributes)
    for call in calls:
        call.attribute.extend(made)
