"""Witness: vectors that lost their name, mostly because an exporter added dimensions of size 1.

The reader of such a vector, or a record of the exporter, identifies it.

The weight of a group norm has one dimension; an exporter stores it as (C, 1, 1) under a new name. In a leaf
that computes only with the operators of a group norm, the operand of `Mul` is the `weight` and that of `Add`
the `bias`. In a leaf that computes with `PRelu` alone, the slope is the `weight`. The dynamo exporter records
the inputs of a value that it folded: if it made the value from one parameter, and only by operators that
change the shape (`unsqueeze_1`, `view`) or that have no name of their own (`val_1`), the value is that
parameter.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from onnx import TensorProto

from rewriter.evidence.claims import Holds, ParameterClaim, Source
from rewriter.evidence.metadata.dynamo import folded_from, signature
from rewriter.evidence.names.scope_grammar import owner_of_parameter
from rewriter.evidence.parameters.tensor_roles import operands_of
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.paths import ModulePath

_MOVED = re.compile(r"(?:unsqueeze|view|reshape|squeeze|flatten)(?:_\d+)?$")
_STEP = re.compile(rf"{_MOVED.pattern}|val_\d+$")
_COMPUTED = re.compile(r"onnx::(?:Mul|Add|PRelu)_\d+$|val_\d+$")
_SHAPING = frozenset({"Constant", "Identity", "Reshape", "Shape", "Cast"})
_GROUP_NORM = frozenset({"InstanceNormalization", "Mul", "Add"})
_LOCAL = {"Mul": "weight", "Add": "bias", "PRelu": "weight"}


def testify(graph: GraphIndex, modules: Sequence[ModulePath | None]) -> list[ParameterClaim]:
    """Return claims on vectors of the main graph that lost their name."""
    vectors = _vectors(graph)
    if not vectors:
        return []
    found, explained = _moved(graph, vectors)
    recorded = set(found)
    operators = _of_leaves(graph, modules)
    for value in vectors:
        name = _of_reader(graph, value, modules, operators)
        origin = explained.get(value)
        agrees = origin is None or origin == (name,)
        if name and value not in found and agrees and graph.value(name) == NONE:
            found[value] = name
    return [_claim(graph.initializers[value], name, moved=value in recorded) for value, name in found.items()]


def _claim(tensor: TensorProto, name: ModulePath, *, moved: bool) -> ParameterClaim:
    """Return the claim that a vector is a parameter, which has one dimension unless it was `moved`."""
    holds = Holds.RESHAPED if moved or len(tensor.dims) > 1 else Holds.EXACT
    return ParameterClaim(tensor.name, name, False, Source.POSITION, holds=holds)


def _vectors(graph: GraphIndex) -> list[int]:
    """Return the anonymous initializers of the main graph with one reader and one dimension that is not 1."""
    stored = operands_of(graph).stored
    lone = [value for value in graph.initializers if len(graph.readers[value]) == 1]
    return [
        value
        for value in lone
        if len([size for size in stored[value].dims if size != 1]) == 1
        and (name := graph.main_name(value))
        and owner_of_parameter(name) is None
    ]


def _moved(
    graph: GraphIndex, vectors: Sequence[int]
) -> tuple[dict[int, ModulePath], dict[int, tuple[str, ...]]]:
    """Return the exporter's records: vector -> its parameter, folded initializer -> its parameters."""
    known = set(signature(graph).values())
    explained: dict[int, tuple[str, ...]] = {}
    found: dict[int, ModulePath] = {}
    for value, origins in folded_from(graph).items() if known else ():
        made_of = explained[value] = tuple(name for name in origins if name in known)
        others = [name for name in origins if name not in known]
        moved = _MOVED.match(graph.value_names[value]) and all(map(_STEP.match, others))
        if value in vectors and len(made_of) == 1 and moved:
            found[value] = ModulePath(made_of[0])
    return found, explained


def _of_leaves(graph: GraphIndex, modules: Sequence[ModulePath | None]) -> dict[ModulePath, set[str]]:
    """Return leaf -> the operators of its nodes that compute."""
    found: dict[ModulePath, set[str]] = {}
    for node, module in enumerate(modules):
        if module and graph.operators[node][1] not in _SHAPING:
            found.setdefault(module, set()).add(graph.operators[node][1])
    for module in set(modules) - {None}:
        for above in module.ancestors() if module else ():
            found.pop(above, None)
    return found


def _of_reader(
    graph: GraphIndex,
    value: int,
    modules: Sequence[ModulePath | None],
    operators: dict[ModulePath, set[str]],
) -> ModulePath | None:
    """Return the parameter that the reader of a vector shows the vector to be; None if unknown."""
    node = graph.readers[value][0]
    module, operator = modules[node], graph.operators[node][1]
    if not module or operator not in _LOCAL or not _COMPUTED.match(graph.value_names[value]):
        return None
    if operators.get(module) not in (_GROUP_NORM, {"PRelu"}):
        return None
    return module.child(_LOCAL[operator])
