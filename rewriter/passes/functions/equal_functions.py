"""Finds functions with equal bodies."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property

from onnx import FunctionProto, NodeProto

from rewriter.evidence.metadata import tags
from rewriter.model import metadata
from rewriter.model.index.graph import nodes_within
from rewriter.model.operator_set.determinism import draws_random, operator_may_draw
from rewriter.model.operator_set.operators import versions_of
from rewriter.passes.functions.canonical_form import CanonicalBody, Key, canonical_body
from rewriter.paths import ModulePath

Identity = tuple[str, str]
"""Domain and name of a function."""


@dataclass(frozen=True)
class Member:
    """Function for one call of a module, and its canonical body.

    Attributes:
        function: the function that `group` made; its values have the names of the flat graph.
        body: its canonical form.
        entries: its metadata.
    """

    function: FunctionProto
    body: CanonicalBody
    entries: dict[str, str]

    @property
    def module(self) -> ModulePath:
        """The module that is called."""
        return ModulePath(self.entries[tags.MODULE])

    @property
    def call(self) -> int:
        """The number of the call."""
        return tags.count_in(self.entries.get(tags.CALL, "")) or 0

    @cached_property
    def parameters(self) -> dict[str, str]:
        """Formal input -> name of the parameter inside the module, in the order of the modules."""
        try:
            found = json.loads(self.entries.get(tags.PARAMETERS, "{}"))
            inputs = set(self.function.input)
            return {str(name): str(local) for name, local in found.items() if name in inputs}
        except (ValueError, AttributeError, RecursionError):  # another tool's entry
            return {}


def find_equal_functions(
    functions: Iterable[FunctionProto], others: Sequence[FunctionProto], *, blind: bool = False
) -> list[list[Member]]:
    """Group functions by equal bodies, callees before callers.

    The functions of a group also have the same class, name and names of submodules, and draw random numbers
    in the same order.

    Args:
        functions: all functions that `group` made, callees before callers, each called once. The arguments of
            calls among them are put, in place, into the canonical order of the callee's inputs.
        others: the other functions of the model.
        blind: whether all Constants count as equal, whatever their values.
    """
    twins: dict[Key, list[Member]] = {}
    numbers: dict[Key, int] = {}
    members: dict[Identity, Member] = {}
    callees: dict[Identity, int] = {}
    drawing = _drawing(others)
    for function in functions:
        inner = list(nodes_within(function.node))
        reorder(inner, members)
        entries = metadata.read(function)
        # Functions whose called modules have different relative paths cannot share a body.
        called = {
            identity: (callees[identity], members[identity].module.removeprefix(entries[tags.MODULE]))
            for identity in {(node.domain, node.op_type) for node in inner} & callees.keys()
        }
        body = canonical_body(function, called, blind=blind)
        draws = tuple(map(body.order.index, _draws(function, drawing, members.keys())))
        if draws:
            drawing.add(identity_of(function))
        names = (entries.get(tags.CLASS), function.name, _modules_in(function, entries))
        key: Key = (*names, draws, *body.key)
        members[identity_of(function)] = member = Member(function, body, entries)
        twins.setdefault(key, []).append(member)
        callees[identity_of(function)] = numbers.setdefault(key, len(numbers))
    return list(twins.values())


def _modules_in(function: FunctionProto, entries: Mapping[str, str]) -> frozenset[str]:
    """Return the modules inside a body's module that own its nodes, except Constants, relative to it."""
    own = ModulePath(entries[tags.MODULE])
    told = (metadata.get(node, tags.MODULE) for node in function.node if node.op_type != "Constant")
    return frozenset(module.removeprefix(own) for module in told if module is not None and own.holds(module))


def _draws(function: FunctionProto, drawing: Set[Identity], known: Set[Identity] = frozenset()) -> list[int]:
    """Return the positions of the nodes that draw random numbers, in order.

    A call draws if its function is in `drawing`; calls of other `known` functions do not draw.
    """
    opsets = versions_of(function.opset_import)
    operators = {(node.domain, node.op_type) for node in function.node}
    doubtful = (operator_may_draw(*operator, opsets) for operator in operators - known)
    if drawing.isdisjoint(operators) and not any(doubtful):
        return []
    return [n for n, node in enumerate(function.node) if draws_random(node, opsets, drawing)]


def _drawing(functions: Sequence[FunctionProto]) -> set[Identity]:
    """Return the functions, given in any order, that draw random numbers."""
    found: set[Identity] = set()
    while more := {identity_of(each) for each in functions if _draws(each, found)} - found:
        found |= more
    return found


def reorder(nodes: Iterable[NodeProto], members: Mapping[Identity, Member]) -> None:
    """Put the arguments of calls into canonical order; they have the names of the formal inputs."""
    for node in nodes:
        if (callee := members.get((node.domain, node.op_type))) is not None:
            node.input[:] = callee.body.inputs


def identity_of(function: FunctionProto) -> Identity:
    """Return the domain and name by which calls find a function."""
    return (function.domain, function.name)
