"""What a model was when graphsurgeon read it: which of its objects stands for which message.

Graphsurgeon makes an object of every node, tensor and graph, in the order of the file. People move, rename
and rewire these objects, and what is still the same object is what it was; no name has to be told from
another.
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
    """A tensor of the model as it was.

    Attributes:
        tensor: its object, kept so that no other one can bear its identity.
        name: what it was called.
        home: the graph or function that defines it.
        values: what its values were held in; None where it was computed.
        state: what was said of its type.
    """

    tensor: gs.Tensor
    name: str
    home: int
    values: object
    state: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class KnownNode:
    """A node of the model as it was: its object, its message, and attribute -> what it held."""

    node: gs.Node
    proto: NodeProto
    attributes: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class KnownBody:
    """A graph or function of the model as it was.

    Attributes:
        graph: its object.
        proto: its message.
        opset: the version of ONNX's own operators that graphsurgeon read.
        defined: the names that it gives a meaning.
        held: name -> what held the values of that initializer.
        order: the identities of its nodes.
        attributes: of a function: name -> what it holds by default; None for nothing.
        tensors: name -> what it defines, as far as graphsurgeon has an object for it.
    """

    graph: gs.Graph
    proto: GraphProto | FunctionProto
    opset: int | None
    defined: frozenset[str]
    held: Mapping[str, Held]
    order: tuple[int, ...]
    attributes: Mapping[str, object]
    tensors: dict[str, KnownTensor] = field(default_factory=dict)


class Ledger:
    """A model and the objects that graphsurgeon made of it.

    Attributes:
        model: the model; never changed.
        folder: where its external data lies; None for nowhere that is known.
        graph: what graphsurgeon made of it, to be edited.
        bodies: identity of a graph or function -> what it was.
        nodes: identity of a node -> what it was.
        tensors: identity of a tensor -> what it was.
    """

    def __init__(self, model: ModelProto, folder: Path | None) -> None:
        self.model = model
        self.folder = folder
        copy = ModelProto()  # graphsurgeon keeps parts of what it reads, and renames them
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
        """Let values that lie in another file be read from there, which graphsurgeon would look for here."""
        if held.data_location == TensorProto.EXTERNAL:
            tensor._values = ExternalValues(held, self.folder)
            tensor.data_location = None


def tensors_in(graph: gs.Graph) -> Iterator[gs.Tensor]:
    """The tensors that a graph's own interface and nodes name, each once; those of bodies inside are not."""
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
    """What graphsurgeon says of the type of a tensor, to be compared with later."""
    if isinstance(tensor, gs.Constant):
        return ("constant",)
    shape = None if tensor.shape is None else tuple(tensor.shape)
    return ("variable", tensor.dtype, shape, tensor.type)


def state_of(value: Any) -> object:
    """What an attribute holds, to be compared with later: a copy of a list, and what a constant held."""
    if isinstance(value, gs.Constant):
        return (value, value._values)
    return tuple(value) if isinstance(value, list) else value


def is_unchanged(before: Any, now: Any, held: AttributeProto, folder: Path | None) -> bool:
    """Whether an attribute holds what it held: the same object with the same contents, or an equal value."""
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
    """The name of an initializer; that of a sparse one is the name of its values."""
    return held.values.name if isinstance(held, SparseTensorProto) else held.name


def _defined(proto: GraphProto | FunctionProto, held: Mapping[str, Held]) -> Iterator[str]:
    yield from held
    for given in proto.input:
        yield given if isinstance(given, str) else given.name
    for node in proto.node:
        yield from node.output
