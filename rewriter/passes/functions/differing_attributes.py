"""Turns attribute values in which otherwise equal functions differ into attributes of the functions.

Before::

    <domain: "l_0", opset_import: ["" : 17]> l (x) => (y) {
      y = LeakyRelu <alpha = 0.1> (x)
    }
    <domain: "l_1", opset_import: ["" : 17]> l (x) => (y) {
      y = LeakyRelu <alpha = 0.2> (x)
    }

After: both functions read `@alpha`, and their calls state it::

    <domain: "l_0", opset_import: ["" : 17]> l <alpha> (x) => (y) {
      y = LeakyRelu <alpha: float = @alpha> (x)
    }
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from onnx import AttributeProto, FunctionProto, NodeProto

from rewriter.model.index.columns import HOLD_GRAPHS
from rewriter.passes.functions.canonical_form import attribute_content
from rewriter.passes.functions.equal_functions import (
    Identity,
    Member,
    find_equal_functions,
    identity_of,
)
from rewriter.passes.functions.value_names import UsedNames


def lift_attributes(
    functions: Sequence[FunctionProto],
    others: Sequence[FunctionProto],
    calls: Mapping[Identity, NodeProto],
) -> list[list[Member]]:
    """Replace differing attribute values in functions by references, and state the values at the calls.

    Attributes with graphs, and attributes of nodes in graph bodies, are not replaced.

    Args:
        functions: the functions, edited in place; none of them calls another one.
        others: the other functions of the model.
        calls: function -> its call, edited in place.

    Returns:
        The groups of functions whose bodies are equal now; their members have no attribute values.
    """
    originals = {identity_of(function): function for function in functions}
    twins_of_all = find_equal_functions([_masked(function) for function in functions], others)
    for members in twins_of_all:
        twins = [originals[identity_of(member.function)] for member in members]
        names = _AttributeNames(twins, [calls[identity_of(twin)] for twin in twins])
        for places in sorted(zip(*(member.body.order for member in members), strict=True)):
            nodes = [twin.node[place] for twin, place in zip(twins, places, strict=True)]
            for attribute in sorted(each.name for each in nodes[0].attribute):
                names.lift([_named(node, attribute) for node in nodes])
    return twins_of_all


class _AttributeNames:
    """Attributes that some functions get, by the values that they replace.

    Args:
        functions: functions with equal bodies, apart from attribute values.
        calls: their calls.
    """

    def __init__(self, functions: Sequence[FunctionProto], calls: Sequence[NodeProto]) -> None:
        self._functions, self._calls = functions, calls
        self._used = UsedNames()
        self._names: dict[tuple[bytes, ...], str] = {}

    def lift(self, attributes: Sequence[AttributeProto]) -> None:
        """Replace corresponding attributes by references if their values differ."""
        if attributes[0].type in HOLD_GRAPHS:
            return
        values = tuple(map(attribute_content, attributes))
        if len(set(values)) == 1:
            return
        if values not in self._names:
            self._names[values] = self._used.fresh(attributes[0].name)
            for function, call, attribute in zip(self._functions, self._calls, attributes, strict=True):
                function.attribute.append(self._names[values])
                call.attribute.append(attribute)
                call.attribute[-1].name = self._names[values]
        for attribute in attributes:
            _refer(attribute, self._names[values])


def _named(node: NodeProto, name: str) -> AttributeProto:
    return next(attribute for attribute in node.attribute if attribute.name == name)


def _masked(function: FunctionProto) -> FunctionProto:
    """Return a copy of a function whose nodes refer to all values of attributes without graphs."""
    copy = FunctionProto()
    copy.CopyFrom(function)
    for node in copy.node:
        for attribute in node.attribute:
            if attribute.type not in HOLD_GRAPHS:
                _refer(attribute, attribute.name)
    return copy


def _refer(attribute: AttributeProto, name: str) -> None:
    told = AttributeProto(name=attribute.name, type=attribute.type, ref_attr_name=name)
    attribute.CopyFrom(told)
