"""Finds the inputs of functions that every call feeds with the same stored constant of the model."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass

from onnx import FunctionProto, ModelProto, NodeProto

from rewriter.model.index.graph import graphs_of
from rewriter.passes.functions.canonical_form import bound
from rewriter.passes.functions.equal_functions import Identity, identity_of
from rewriter.passes.functions.provenance import is_ours


def own_functions(model: ModelProto) -> dict[Identity, FunctionProto]:
    """Return the functions that `group` made."""
    return {identity_of(each): each for each in model.functions if is_ours(each)}


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """Call of a function.

    Attributes:
        node: the node.
        caller: the function with the node; None for the main graph.
        bound: the names that graph bodies around the node define.
    """

    node: NodeProto
    caller: Identity | None
    bound: frozenset[str]


def calls_of_functions(
    model: ModelProto, functions: Mapping[Identity, FunctionProto]
) -> dict[Identity, list[FunctionCall]]:
    """Return function -> its calls, in the main graph, in functions, and in graph bodies of both."""
    found: dict[Identity, list[FunctionCall]] = {identity: [] for identity in functions}
    holders: list[tuple[Identity | None, Iterable[NodeProto]]] = [(None, model.graph.node)]
    holders += [(identity_of(function), function.node) for function in model.functions]
    for caller, nodes in holders:
        for node, names in _with_bodies(nodes, frozenset()):
            if (identity := (node.domain, node.op_type)) in found:
                found[identity].append(FunctionCall(node, caller, names))
    return found


def _with_bodies(
    nodes: Iterable[NodeProto], names: frozenset[str]
) -> Iterator[tuple[NodeProto, frozenset[str]]]:
    """Yield nodes and those in their graph bodies, with the names that the bodies around them define."""
    for node in nodes:
        yield node, names
        for attribute in node.attribute:
            for graph in graphs_of(attribute):
                yield from _with_bodies(graph.node, names.union(bound(graph)))


class ConstantSources:
    """Finder of the constant that each input of a function always has.

    Args:
        functions: the functions.
        calls: their calls.
        constants: names of initializers of the main graph.
    """

    def __init__(
        self,
        functions: Mapping[Identity, FunctionProto],
        calls: Mapping[Identity, list[FunctionCall]],
        constants: Collection[str],
    ) -> None:
        self._functions = functions
        self._calls = calls
        self._constants: Set[str] = frozenset(constants)
        self._found: dict[Identity, dict[str, str]] = {}

    def of(self, identity: Identity) -> Mapping[str, str]:
        """Return input -> the constant that all calls of a function give it; without the other inputs."""
        if identity not in self._found:
            self._found[identity] = {}
            formals = list(self._functions[identity].input)
            given = [self._given(call, len(formals)) for call in self._calls[identity]]
            for place, formal in enumerate(formals):
                sources = {of_call[place] for of_call in given}
                if len(sources) == 1 and (source := sources.pop()) is not None:
                    self._found[identity][formal] = source
        return self._found[identity]

    def _given(self, call: FunctionCall, count: int) -> list[str | None]:
        """Return the constant of each operand of a call, None for another value."""
        names = list(call.node.input)
        if len(names) != count:
            return [None] * count
        if call.caller is None:
            known: Mapping[str, str] = {name: name for name in names if name in self._constants}
        else:
            known = self.of(call.caller) if call.caller in self._functions else {}
        return [None if name in call.bound else known.get(name) for name in names]
