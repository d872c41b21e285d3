"""Collects what a model says about a value or an initializer: its modules, and the nodes that read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.model.index.index_cache import once_per_index
from rewriter.modules.analysis import Analysis
from rewriter.modules.module import Module, Parameter, Tensor
from rewriter.paths import ModulePath


@dataclass(frozen=True, slots=True)
class Readers:
    """Nodes of one module that read a value; of unplaced nodes, the module is None."""

    module: ModulePath | None
    nodes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ExplainedValue:
    """A value, and the nodes that read it.

    Attributes:
        value: its number in the GraphIndex.
        producer: the node that writes it; None for an input and for a sparse initializer.
        input_of: what it is an input of; None if a node writes it, and for a sparse initializer.
        is_output: whether it is an output of the model.
        readers: the nodes that read it, by module in the order of the file.
    """

    value: int
    producer: int | None
    input_of: Literal["model", "body", "function"] | None
    is_output: bool
    readers: tuple[Readers, ...]


@dataclass(frozen=True, slots=True)
class Holder:
    """A module that holds a tensor.

    Attributes:
        module: its path.
        tensor: the tensor, or the part of it, as the module holds it; `owned_by` has the reason.
        parameters: the parameters of the module in this tensor, each with the witness that says so, if one
            does.
    """

    module: ModulePath
    tensor: Tensor
    parameters: tuple[tuple[Parameter, str | None], ...]


@dataclass(frozen=True, slots=True)
class ExplainedWeight:
    """An initializer: the modules that hold it, and the nodes that read it."""

    value: int
    holders: tuple[Holder, ...]
    readers: tuple[Readers, ...]


def explained_value(analysis: Analysis, value: int) -> ExplainedValue:
    """Collect what the model says about a value, by its number."""
    graph = analysis.graph
    producer = graph.producer[value]
    return ExplainedValue(
        value,
        None if producer == NONE else producer,
        input_of=_input_of(graph, value),
        is_output=value in graph.bodies[0].results,
        readers=_readers(analysis, value),
    )


def _input_of(graph: GraphIndex, value: int) -> Literal["model", "body", "function"] | None:
    number = _formals(graph).get(value)
    if not number:
        return None if number is None else "model"
    return "function" if graph.bodies[number].owner == NONE else "body"


@once_per_index
def _formals(graph: GraphIndex) -> dict[int, int]:
    """Return input of a graph, body or function -> the number of that body."""
    return {value: number for number, body in enumerate(graph.bodies) for value in body.formals}


def explained_weights(analysis: Analysis, values: Sequence[int]) -> tuple[ExplainedWeight, ...]:
    """Collect what the model says about initializers, by the numbers of their values."""
    witnesses: dict[tuple[str, ModulePath], str] = {}
    for claim in analysis.parameters:
        witnesses.setdefault((claim.initializer, claim.name), str(claim.source))
    holders: dict[int, list[Holder]] = {value: [] for value in values}
    for module in analysis.tree:
        for tensor in module.tensors:
            if tensor.value in holders:
                parameters = tuple(_parameters(analysis, module, tensor, witnesses))
                holders[tensor.value].append(Holder(module.path, tensor, parameters))
    return tuple(
        ExplainedWeight(value, tuple(of_value), _readers(analysis, value))
        for value, of_value in holders.items()
    )


def _parameters(
    analysis: Analysis, module: Module, tensor: Tensor, witnesses: Mapping[tuple[str, ModulePath], str]
) -> Iterator[tuple[Parameter, str | None]]:
    """Yield the parameters of a module that a tensor holds, each with the witness of it."""
    if tensor.value != analysis.graph.initializer_named[tensor.name]:  # claims on the name mean that one
        return
    for parameter in module.parameters:
        if (parameter.initializer, parameter.part) == (tensor.name, tensor.part):
            yield parameter, witnesses.get((tensor.name, module.path.child(parameter.name)))


def _readers(analysis: Analysis, value: int) -> tuple[Readers, ...]:
    found: dict[ModulePath | None, list[int]] = {}
    for node in analysis.graph.readers[value]:
        placement = analysis.tree.placements[node]
        found.setdefault(None if placement is None else placement.module, []).append(node)
    return tuple(Readers(module, tuple(nodes)) for module, nodes in found.items())
