"""Who reads and who makes a value inside one body: the main graph or a function, its subgraphs included."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import onnx

from rewriter.model.operators import canonical
from rewriter.runtime.inputs import Dim
from rewriter.runtime.signature import dims_of

_MOST_CONSTANT_ELEMENTS = 4096


class Value(NamedTuple):
    """A value by the scope that defines it and its name; scope 0 is the body itself."""

    scope: int
    name: str


class Use(NamedTuple):
    """Input `slot` of `node`, which stands in `scope`."""

    node: onnx.NodeProto
    slot: int
    scope: int


@dataclass(frozen=True, slots=True)
class Scope:
    """A graph of a body: its own definitions, the scope around it and the node that holds it."""

    graph: onnx.GraphProto | onnx.FunctionProto
    parent: int | None
    owner: onnx.NodeProto | None
    defined: dict[str, onnx.NodeProto | None] = field(default_factory=dict)
    dims: dict[str, tuple[Dim, ...]] = field(default_factory=dict)
    outputs: dict[str, list[int]] = field(default_factory=dict)


class Body:
    """The readers, makers and known shapes of all values of one body."""

    def __init__(self, graph: onnx.GraphProto | onnx.FunctionProto) -> None:
        self.scopes: list[Scope] = []
        self.uses: dict[Value, list[Use]] = defaultdict(list)
        self.subgraphs: dict[tuple[int, str], int] = {}
        pending: list[tuple[onnx.GraphProto | onnx.FunctionProto, int | None, onnx.NodeProto | None, str]]
        pending = [(graph, None, None, "")]
        while pending:
            inner, parent, owner, attribute = pending.pop()
            number = len(self.scopes)
            self.scopes.append(_scope(inner, parent, owner))
            if owner is not None:
                self.subgraphs[id(owner), attribute] = number
            for node in inner.node:
                for slot, name in enumerate(node.input):
                    if name:
                        self.uses[self.resolve(number, name)].append(Use(node, slot, number))
                pending.extend(
                    (each.g, number, node, each.name) for each in node.attribute if each.HasField("g")
                )

    def resolve(self, scope: int, name: str) -> Value:
        """The value a name means inside `scope`; names that nobody defines count as the body's own."""
        at: int | None = scope
        while at is not None:
            if name in self.scopes[at].defined:
                return Value(at, name)
            at = self.scopes[at].parent
        return Value(0, name)

    def maker(self, value: Value) -> onnx.NodeProto | None:
        """The node that makes a value; None for inputs and initializers."""
        return self.scopes[value.scope].defined.get(value.name)

    def dims(self, value: Value) -> tuple[Dim, ...] | None:
        """The shape the file states for a value, its constants included."""
        known = self.scopes[value.scope].dims.get(value.name)
        maker = self.maker(value)
        if known is None and maker is not None:
            tensor = _constant(maker)
            return None if tensor is None else tuple(tensor.dims)
        return known

    def number(self, value: Value) -> float | None:
        """The largest element of a small constant kept inside the file; None for anything else."""
        maker, graph = self.maker(value), self.scopes[value.scope].graph
        if maker is not None:
            return _largest(_constant(maker))
        if isinstance(graph, onnx.GraphProto):
            return next((_largest(each) for each in graph.initializer if each.name == value.name), None)
        return None


def _scope(
    graph: onnx.GraphProto | onnx.FunctionProto, parent: int | None, owner: onnx.NodeProto | None
) -> Scope:
    scope = Scope(graph, parent, owner)
    if isinstance(graph, onnx.FunctionProto):
        scope.defined.update(dict.fromkeys(graph.input))
        result_names = list(graph.output)
        typed = list(graph.value_info)
    else:
        scope.defined.update(dict.fromkeys(value.name for value in graph.input))
        scope.defined.update(dict.fromkeys(tensor.name for tensor in graph.initializer))
        result_names = [value.name for value in graph.output]
        typed = [*graph.input, *graph.value_info, *graph.output]
    for node in graph.node:
        scope.defined.update(dict.fromkeys(filter(None, node.output), node))
    for value in typed:
        dims = dims_of(value.type.tensor_type) if value.type.HasField("tensor_type") else None
        if dims is not None:
            scope.dims[value.name] = dims
    if isinstance(graph, onnx.GraphProto):
        scope.dims.update((tensor.name, tuple(tensor.dims)) for tensor in graph.initializer)
    for position, name in enumerate(result_names):
        scope.outputs.setdefault(name, []).append(position)
    return scope


def _constant(node: onnx.NodeProto) -> onnx.TensorProto | None:
    if node.op_type != "Constant" or canonical(node.domain) or not node.attribute:
        return None
    attribute = node.attribute[0]
    if attribute.HasField("t"):
        return attribute.t
    if attribute.name in ("value_int", "value_ints"):
        numbers = list(attribute.ints) if attribute.name == "value_ints" else attribute.i
        return onnx.numpy_helper.from_array(np.array(numbers, dtype=np.int64))
    return None


def _largest(tensor: onnx.TensorProto | None) -> float | None:
    if tensor is None or tensor.data_location == onnx.TensorProto.EXTERNAL:
        return None
    count = int(np.prod(tuple(tensor.dims), dtype=object))
    if not 0 < count <= _MOST_CONSTANT_ELEMENTS or tensor.data_type == onnx.TensorProto.STRING:
        return None
    try:
        return float(np.max(onnx.numpy_helper.to_array(tensor).astype(np.float64)))
    except (ValueError, TypeError, KeyError, OverflowError):
        return None


@dataclass(frozen=True, slots=True)
class Frame:
    """One body being read: the main graph, or a function for one call of it."""

    body: Body
    caller: Frame | None = None
    call: onnx.NodeProto | None = None
    scope: int = 0
