"""Snapshot of a model as graphsurgeon read it: maps graphsurgeon's objects to ONNX messages.

Graphsurgeon makes an object for every node, tensor and graph, in the order of the file. Users move, rename
and rewire these objects, but an object keeps its identity: objects are recognised by identity, not by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import onnx_graphsurgeon as gs
from onnx import (
    AttributeProto,
    FunctionProto,
    GraphProto,
    ModelProto,
    NodeProto,
    SparseTensorProto,
    TensorProto,
)

from rewriter.adapters.graphsurgeon.constants import ExternalValues, Held, is_same


@dataclass(frozen=True, slots=True)
class KnownTensor:
    """First state of a tensor.

    Attributes:
        tensor: the object of graphsurgeon; the reference keeps its identity from being reused.
        name: the name in the file.
        home: identity of the graph or function that defines it.
        values: the object that had its values; None for computed tensors.
        state: the result of `type_of`.
    """

    tensor: gs.Tensor
    name: str
    home: int
    values: object
    state: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class KnownNode:
    """First state of a node: its object, its message, and attribute -> its `state_of`."""

    node: gs.Node
    proto: NodeProto
    attributes: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class KnownBody:
    """First state of a graph or function.

    Attributes:
        graph: the object of graphsurgeon.
        proto: the ONNX message.
        opset: the opset version of the default domain that graphsurgeon read.
        defined: the names of values that it defines.
        held: name of an initializer -> its message.
        order: the identities of its nodes, in order.
        attributes: attribute of a function -> `state_of` its default; None without a default.
        tensors: name -> a tensor that it defines and that graphsurgeon has an object for.
    """

    graph: gs.Graph
    proto: GraphProto | FunctionProto
    opset: int | None
    defined: frozenset[str]
    held: Mapping[str, Held]
    order: tuple[int, ...]
    attributes: Mapping[str, object]
    tensors: dict[str, KnownTensor] = field(default_factory=dict)


class Snapshot:
    """A model and the objects that graphsurgeon made from it.

    Attributes:
        model: the model; never changed.
        folder: the folder of its external data; None if unknown.
        graph: the graph of graphsurgeon, which the user edits.
        bodies: identity of a graph or function -> its first state.
        nodes: identity of a node -> its first state.
        tensors: identity of a tensor -> its first state.
    """

    def __init__(self, model: ModelProto, folder: Path | None) -> None:
        self.model = model
        self.folder = folder
        copy = ModelProto()  # graphsurgeon keeps and changes the messages it reads
        copy.CopyFrom(model)
        self.graph = gs.import_onnx(copy)
        self.bodies: dict[int, KnownBody] = {}
        self.nodes: dict[int, KnownNode] = {}
        self.tensors: dict[int, KnownTensor] = {}
        self._enter_body(self.graph, model.graph, ())
        for function, proto in zip(self.graph.functions, model.functions, strict=True):
            self._enter_body(function, proto, ())

    def _enter_body(
        self, graph: gs.Graph, proto: GraphProto | FunctionProto, outer: tuple[KnownBody, ...]
    ) -> None:
        held = dict(_held_in(proto)) if isinstance(proto, GraphProto) else {}
        defaults = graph.attrs if isinstance(graph, gs.Function) else {}
        body = KnownBody(
            graph,
            proto,
            graph.opset,
            frozenset(_defined(proto, held)),
            held,
            tuple(map(id, graph.nodes)),
            {name: state_of(value) for name, value in defaults.items()},
        )
        self.bodies[id(graph)] = body
        chain = (body, *outer)
        for tensor in tensors_in(graph):
            if id(tensor) not in self.tensors:
                self._enter_tensor(tensor, chain)
        for node, message in zip(graph.nodes, proto.node, strict=True):
            states = {name: state_of(value) for name, value in node.attrs.items()}
            self.nodes[id(node)] = KnownNode(node, message, states)
            for attribute in message.attribute:
                self._enter_attribute(node.attrs.get(attribute.name), attribute, chain)

    def _enter_attribute(self, value: object, proto: AttributeProto, chain: tuple[KnownBody, ...]) -> None:
        if isinstance(value, gs.Graph):
            self._enter_body(value, proto.g, chain)
        elif isinstance(value, gs.Constant):
            self._read_from_file(value, proto.t)

    def _enter_tensor(self, tensor: gs.Tensor, chain: tuple[KnownBody, ...]) -> None:
        home = next((body for body in chain if tensor.name in body.defined), chain[0])
        held = home.held.get(tensor.name)
        if isinstance(tensor, gs.Constant) and isinstance(held, TensorProto):
            self._read_from_file(tensor, held)
        values = tensor._values if isinstance(tensor, gs.Constant) else None
        known = KnownTensor(tensor, tensor.name, id(home.graph), values, type_of(tensor))
        self.tensors[id(tensor)] = home.tensors[tensor.name] = known

    def _read_from_file(self, tensor: gs.Constant, held: TensorProto) -> None:
        """Make external values load from the folder of the model, not from the working folder."""
        if held.data_location == TensorProto.EXTERNAL:
            tensor._values = ExternalValues(held, self.folder)
            tensor.data_location = None


def tensors_in(graph: gs.Graph) -> Iterator[gs.Tensor]:
    """Yield the inputs, outputs, and tensors of nodes of a graph, each once; without inner graphs."""
    seen: set[int] = set()
    sides = [
        graph.inputs,
        *(side for node in graph.nodes for side in (node.inputs, node.outputs)),
        graph.outputs,
    ]
    for side in sides:
        for tensor in side:
            if not tensor.is_empty() and id(tensor) not in seen:
                seen.add(id(tensor))
                yield tensor


def type_of(tensor: gs.Tensor) -> tuple[object, ...]:
    """Return the type of a tensor in graphsurgeon, for later comparison."""
    if isinstance(tensor, gs.Constant):
        return ("constant",)
    shape = None if tensor.shape is None else tuple(tensor.shape)
    return ("variable", tensor.dtype, shape, tensor.type)


def state_of(value: Any) -> object:
    """Return a snapshot of an attribute's value for later comparison: lists copied, constants with values."""
    if isinstance(value, gs.Constant):
        return (value, value._values)
    return tuple(value) if isinstance(value, list) else value


def is_unchanged(before: Any, now: Any, held: AttributeProto, folder: Path | None) -> bool:
    """Whether an attribute still holds its first value: the same object unchanged, or an equal value."""
    if isinstance(now, gs.Constant):
        return isinstance(before, tuple) and before[0] is now and is_same(now, before[1], held.t, folder)
    if isinstance(now, gs.Tensor | gs.Graph):
        return before is now
    if isinstance(now, list):
        now = tuple(now)
        return isinstance(before, tuple) and [*map(type, before)] == [*map(type, now)] and before == now
    return type(before) is type(now) and bool(before == now)


def _held_in(graph: GraphProto) -> Iterator[tuple[str, Held]]:
    for tensor in graph.initializer:
        yield tensor.name, tensor
    for sparse in graph.sparse_initializer:
        yield name_of(sparse), sparse


def name_of(held: Held) -> str:
    """Return the name of an initializer; a sparse initializer has the name of its `values`."""
    return held.values.name if isinstance(held, SparseTensorProto) else held.name


def _defined(proto: GraphProto | FunctionProto, held: Mapping[str, Held]) -> Iterator[str]:
    yield from held
    for given in proto.input:
        yield given if isinstance(given, str) else given.name
    for node in proto.node:
        yield from node.output
