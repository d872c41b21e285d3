"""Symbolic value numbering: one number for every distinct expression of a model.

Hash-consing after Cocke and Schwartz, "Programming Languages and Their Compilers" (1970): the number of a
value follows from the operator that computes it and the numbers of what that operator reads, so two values
bear one number only if they are computed alike from the same inputs and constants. Keys are compared whole,
not by digest, so there are no collisions to argue away.

- Functions are entered, `Identity` is passed through, a `Constant` equals an initializer of the same content.
- The graph attributes of If, Loop and Scan count by the expressions of their results; what they bind gets a
  number by nesting level and position, so names do not matter (de Bruijn levels).
- A node that draws random numbers, or whose operator we do not know, counts apart every time it occurs.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import onnx
from onnx import AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, TensorProto, helper

from rewriter.proof.contents import Contents, Key

ABSENT = 0
"""The number of an optional input that was left out."""

MAX_DEPTH = 100
"""Function calls and graph attributes inside each other; the ONNX checker refuses more as well."""

_RANDOM = frozenset(
    {"RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Multinomial", "Bernoulli"}
)
_STANDARD = frozenset({"", "ai.onnx", "ai.onnx.ml"})


class Unprovable(Exception):
    """The model cannot be read as expressions; the message says why."""


class Table:
    """Numbers of expressions, shared by the models that are compared."""

    def __init__(self, contents: Contents) -> None:
        self.contents = contents
        self._numbers: dict[Key, int] = {}

    def number(self, key: Key) -> int:
        """The number of an expression, new where it is new."""
        return self._numbers.setdefault(key, len(self._numbers) + 1)


@dataclass(slots=True)
class _Scope:
    """Names of one body -> numbers, inside those of the bodies around it."""

    outer: _Scope | None = None
    level: int = 0
    depth: int = 0
    names: dict[str, int] = field(default_factory=dict)
    bound: dict[str, tuple[AttributeProto, _Scope]] = field(default_factory=dict)
    opsets: dict[str, int] = field(default_factory=dict)

    def look_up(self, name: str) -> int:
        scope: _Scope | None = self
        while scope is not None:
            if (number := scope.names.get(name)) is not None:
                return number
            scope = scope.outer
        raise Unprovable(f"value {name!r} is read before any node writes it")

    def inside(self) -> _Scope:
        """The scope of a graph attribute."""
        if self.depth >= MAX_DEPTH:
            raise Unprovable(f"graphs or functions are nested more than {MAX_DEPTH} deep")
        return _Scope(self, self.level + 1, self.depth + 1, {}, self.bound, self.opsets)


class Numbering:
    """The numbers of one model.

    Attributes:
        outputs: output name -> number.
        node_of: number -> the first node of the main graph that computes it.
    """

    def __init__(self, model: ModelProto, table: Table, folder: Path | None = None) -> None:
        self._table = table
        self._folder = folder
        self._functions = {(f.domain, f.name, f.overload): f for f in model.functions}
        self._memo: dict[Key, tuple[int, ...]] = {}
        self._occurrences: Counter[Key] = Counter()
        self.node_of: dict[int, NodeProto] = {}
        scope = _Scope(opsets=_opsets(model))
        self._define_tensors(model.graph, scope)
        for info in model.graph.input:
            default = scope.names.get(info.name, ABSENT)
            kind = info.type.SerializeToString(deterministic=True)
            scope.names[info.name] = table.number(("input", info.name, kind, default))
        self._evaluate_nodes(model.graph, scope)
        self.outputs = {info.name: scope.look_up(info.name) for info in model.graph.output}

    def _define_tensors(self, graph: GraphProto, scope: _Scope) -> None:
        for tensor in graph.initializer:
            scope.names[tensor.name] = self._tensor(tensor)
        for sparse in graph.sparse_initializer:
            key = (tuple(sparse.dims), self._tensor(sparse.values), self._tensor(sparse.indices))
            scope.names[sparse.values.name] = self._table.number(("sparse", *key))

    def _tensor(self, tensor: TensorProto) -> int:
        return self._table.number(("tensor", *self._table.contents.key(tensor, self._folder)))

    def _evaluate_nodes(self, body: GraphProto | FunctionProto, scope: _Scope) -> None:
        main = scope.outer is None and scope.depth == 0
        for node in body.node:
            numbers = self._evaluate(node, scope)
            for name, number in zip(node.output, numbers, strict=False):
                if name:
                    scope.names[name] = number
                    if main:
                        self.node_of.setdefault(number, node)

    def _evaluate(self, node: NodeProto, scope: _Scope) -> tuple[int, ...]:
        inputs = tuple(scope.look_up(name) if name else ABSENT for name in node.input)
        function = self._functions.get((node.domain, node.op_type, node.overload))
        if function is not None:
            return self._call(function, node, inputs, scope)
        if node.domain in ("", "ai.onnx"):
            if node.op_type == "Identity" and len(inputs) == 1:
                return inputs
            if node.op_type == "Constant" and (constant := self._constant(node, scope)):
                return (constant,)
        key: Key = (
            _domain(node.domain),
            node.op_type,
            node.overload,
            _since(node.op_type, node.domain, scope.opsets.get(_domain(node.domain), 0)),
            self._attributes(node, scope),
            _trimmed(inputs),
            len(node.output),
        )
        if _counts_apart(node, inputs):
            self._occurrences[key] += 1
            key = (*key, "occurrence", self._occurrences[key])
        number = self._table.number(key)
        if len(node.output) == 1:
            return (number,)
        return tuple(self._table.number(("output", number, index)) for index in range(len(node.output)))

    def _attributes(self, node: NodeProto, scope: _Scope) -> Key:
        if not node.attribute:
            return ()
        keys = (self._attribute(attribute, attribute.name, scope) for attribute in node.attribute)
        return tuple(sorted((key for key in keys if key), key=lambda key: str(key[0])))

    def _attribute(self, attribute: AttributeProto, name: str, scope: _Scope) -> Key:
        """What an attribute says, () for a reference to one that the caller left out."""
        if attribute.ref_attr_name:
            bound = scope.bound.get(attribute.ref_attr_name)
            return self._attribute(bound[0], name, bound[1]) if bound else ()
        kind = attribute.type
        if kind == AttributeProto.GRAPH:
            return (name, kind, self._graph(attribute.g, scope))
        if kind == AttributeProto.GRAPHS:
            return (name, kind, tuple(self._graph(graph, scope) for graph in attribute.graphs))
        if kind == AttributeProto.TENSOR:
            return (name, kind, self._tensor(attribute.t))
        if kind == AttributeProto.TENSORS:
            return (name, kind, tuple(self._tensor(tensor) for tensor in attribute.tensors))
        bare = AttributeProto()
        bare.CopyFrom(attribute)
        bare.name = ""
        bare.ClearField("doc_string")
        return (name, kind, bare.SerializeToString(deterministic=True))

    def _graph(self, graph: GraphProto, scope: _Scope) -> Key:
        inner = scope.inside()
        self._define_tensors(graph, inner)
        for position, info in enumerate(graph.input):
            inner.names[info.name] = self._table.number(("bound", inner.level, position))
        self._evaluate_nodes(graph, inner)
        return (len(graph.input), tuple(inner.look_up(info.name) for info in graph.output))

    def _constant(self, node: NodeProto, scope: _Scope) -> int:
        """The number of a Constant whose value is a dense tensor of numbers, else 0."""
        attribute, where = node.attribute[0] if node.attribute else None, scope
        while attribute is not None and attribute.ref_attr_name:
            attribute, where = where.bound.get(attribute.ref_attr_name, (None, where))
        if attribute is None:
            return 0
        tensor = _as_tensor(node.attribute[0].name, attribute)
        return self._tensor(tensor) if tensor is not None else 0

    def _call(
        self, function: FunctionProto, node: NodeProto, inputs: tuple[int, ...], scope: _Scope
    ) -> tuple[int, ...]:
        key: Key = (
            function.domain,
            function.name,
            function.overload,
            scope.level,
            self._attributes(node, scope),
        )
        key = (*key, _trimmed(inputs))
        found = self._memo.get(key)
        if found is None:
            before = self._occurrences.total()
            found = self._enter(function, node, inputs, scope)
            if self._occurrences.total() == before:  # a body that draws random numbers draws anew each time
                self._memo[key] = found
        return found

    def _enter(
        self, function: FunctionProto, node: NodeProto, inputs: tuple[int, ...], scope: _Scope
    ) -> tuple[int, ...]:
        if scope.depth >= MAX_DEPTH:
            raise Unprovable(
                f"function {function.name!r} calls itself, or calls are nested over {MAX_DEPTH} deep"
            )
        inner = _Scope(None, scope.level, scope.depth + 1, opsets=_opsets(function))
        for position, name in enumerate(function.input):
            inner.names[name] = inputs[position] if position < len(inputs) else ABSENT
        inner.bound = {default.name: (default, inner) for default in function.attribute_proto}
        for attribute in node.attribute:
            origin: tuple[AttributeProto, _Scope] | None = (attribute, scope)
            if attribute.ref_attr_name:
                origin = scope.bound.get(attribute.ref_attr_name)
            if origin is not None:
                inner.bound[attribute.name] = origin
        self._evaluate_nodes(function, inner)
        return tuple(inner.look_up(name) for name in function.output)


def _opsets(owner: ModelProto | FunctionProto) -> dict[str, int]:
    return {_domain(opset.domain): opset.version for opset in owner.opset_import}


def _domain(domain: str) -> str:
    return "" if domain == "ai.onnx" else domain


def _trimmed(inputs: tuple[int, ...]) -> tuple[int, ...]:
    """Inputs without the optional ones left out at the end: `Clip(x)` is `Clip(x, '', '')`."""
    while inputs and inputs[-1] == ABSENT:
        inputs = inputs[:-1]
    return inputs


def _counts_apart(node: NodeProto, inputs: tuple[int, ...]) -> bool:
    if node.domain not in _STANDARD:
        return True  # a custom operator may keep state; nothing in the file says whether it does
    if node.op_type == "Dropout":
        return len(inputs) > 2 or any(a.name == "is_test" and not a.i for a in node.attribute)
    return node.op_type in _RANDOM


@lru_cache(maxsize=4096)
def _since(op_type: str, domain: str, version: int) -> int:
    """The opset in which the operator got its present meaning; the imported one for an unknown operator."""
    try:
        return int(onnx.defs.get_schema(op_type, version, _domain(domain)).since_version)
    except onnx.defs.SchemaError:
        return -version


def _as_tensor(name: str, attribute: AttributeProto) -> TensorProto | None:
    """The tensor a Constant yields, for the forms that hold numbers."""
    if name == "value":
        return attribute.t
    if name == "value_float":
        return helper.make_tensor("", TensorProto.FLOAT, [], [attribute.f])
    if name == "value_int":
        return helper.make_tensor("", TensorProto.INT64, [], [attribute.i])
    if name == "value_floats":
        return helper.make_tensor("", TensorProto.FLOAT, [len(attribute.floats)], attribute.floats)
    if name == "value_ints":
        return helper.make_tensor("", TensorProto.INT64, [len(attribute.ints)], attribute.ints)
    return None
