"""Symbolic value numbering: one number for every distinct expression of a model.

Hash-consing after Cocke and Schwartz, "Programming Languages and Their Compilers" (1970): the number of a
value follows from the operator that computes it and the numbers of what that operator reads, so two values
bear one number only if they are computed alike from the same inputs and constants. Keys are compared whole,
not by digest, so there are no collisions to argue away.

- Functions are entered, `Identity` is passed through, a `Constant` equals an initializer of the same content.
- The graph attributes of If, Loop and Scan count by the expressions of their results; what they bind gets a
  number by nesting level and position, so names do not matter (de Bruijn levels).
- A node that draws random numbers, or whose operator we do not know, counts apart every time it occurs, and
  by the level it occurs on: drawn once before a loop is not drawn anew in each of its rounds.
- Where runtimes read a file in two ways, the number stands for both readings.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path

from onnx import AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto

from rewriter.model.operators import canonical, counts_apart, left_to_runtimes, since
from rewriter.proof.contents import Key, Table
from rewriter.proof.operators import constant_tensor, plain
from rewriter.proof.scope import Scope, Unprovable, opsets_of

ABSENT = 0
"""The number of an optional input that was left out."""

MAX_INLINED = 2_000_000
"""Nodes read inside functions and graph attributes, all calls counted: keeps doubling functions in bounds."""

_SMALL = 256
"""Bytes of a Constant that is looked up by all it says."""


class Numbering:
    """The numbers of one model.

    Attributes:
        inputs: input name -> number; it stands for the name, the type and the default.
        outputs: output name -> number.
        apart: the numbers of all nodes that count apart, in the order of the file.
        node_of: number -> the first node of the main graph that computes it.

    Raises:
        Unprovable: the model cannot be read as expressions.
    """

    def __init__(self, model: ModelProto, table: Table, folder: Path | None = None) -> None:
        self._table = table
        self._tensor = partial(table.tensor, folder=folder)
        self._sparse = partial(table.sparse, folder=folder)
        self._functions = _functions(model)
        self._opsets = opsets_of(model.opset_import)
        self._memo: dict[Key, tuple[int, ...]] = {}
        self._occurrences: Counter[Key] = Counter()
        self._constants: dict[bytes, int] = {}
        self._inlined = 0
        self.apart: list[int] = []
        self.node_of: dict[int, NodeProto] = {}
        self._main = Scope(None, 0, 0, self._opsets)
        self._define_tensors(model.graph, self._main)
        self.inputs: dict[str, int] = {}
        for info in model.graph.input:
            default = self._main.names.pop(info.name, ABSENT)
            kind = info.type.SerializeToString(deterministic=True)
            self.inputs[info.name] = table.number(("input", info.name, kind, default))
            self._main.define(info.name, self.inputs[info.name])
        self._evaluate_nodes(model.graph, self._main)
        self.outputs = {info.name: self._main.look_up(info.name) for info in model.graph.output}

    def _define_tensors(self, graph: GraphProto, scope: Scope) -> None:
        dense = [(each.name, self._tensor(each)) for each in graph.initializer]
        sparse = [(each.values.name, self._sparse(each)) for each in graph.sparse_initializer]
        for name, number in (*dense, *sparse):
            # Of two initializers of one name some runtimes take the first, some the last.
            other = scope.names.get(name, number)
            scope.names[name] = number if other == number else self._table.number(("either", other, number))

    def _evaluate_nodes(self, body: GraphProto | FunctionProto, scope: Scope) -> None:
        main = scope is self._main
        self._inlined += 0 if main else len(body.node)
        if self._inlined > MAX_INLINED:
            raise Unprovable(f"functions and graphs come to more than {MAX_INLINED:,} nodes once inlined")
        for node in body.node:
            for name, number in zip(node.output, self._evaluate(node, scope), strict=False):
                if name:
                    scope.define(name, number)
                    if main:
                        self.node_of.setdefault(number, node)

    def _evaluate(self, node: NodeProto, scope: Scope) -> tuple[int, ...]:
        names = scope.names
        try:
            inputs = tuple([names[name] for name in node.input])
        except KeyError:  # left out, from outside, or undefined
            inputs = tuple([scope.look_up(name) if name else ABSENT for name in node.input])
        domain = canonical(node.domain)
        function = self._functions.get((domain, node.op_type, node.overload)) if self._functions else None
        if function is None:
            return self._operate(node, domain, inputs, scope)
        called = self._call(function, node, inputs, scope)
        if not left_to_runtimes(domain):
            return called
        operated = self._operate(node, domain, inputs, scope)
        return tuple(self._table.number(("either", *pair)) for pair in zip(called, operated, strict=False))

    def _operate(
        self, node: NodeProto, domain: str, inputs: tuple[int, ...], scope: Scope
    ) -> tuple[int, ...]:
        op_type = node.op_type
        if not domain:
            if op_type == "Identity" and len(inputs) == 1 and inputs[0] != ABSENT:
                return inputs
            if op_type == "Constant" and (constant := self._constant(node, scope)):
                return (constant,)
        inputs = _trimmed(inputs)
        version, meaning = self._meaning(op_type, domain, scope)
        attributes = self._attributes(node, scope)
        results = len(node.output)
        key: Key = ("node", domain, op_type, node.overload, meaning, attributes, inputs, results)
        apart = counts_apart(node, domain, version, len(inputs))
        if apart:
            key = (*key, scope.level)
            self._occurrences[key] += 1
            key = (*key, self._occurrences[key])
        number = self._table.number(key)
        if apart:
            self.apart.append(number)
        if results == 1:
            return (number,)
        return tuple([self._table.number(("output", number, index)) for index in range(results)])

    def _meaning(self, op_type: str, domain: str, scope: Scope) -> tuple[int, Key]:
        """The version of an operator, and all versions that runtimes may give it.

        onnxruntime inlines a function under the imports of the model, not under the function's own.
        """
        version = since(op_type, domain, scope.opsets.get(domain, 0))
        if scope.opsets is self._opsets or domain not in self._opsets:
            return version, (version,)
        return version, tuple(dict.fromkeys((version, since(op_type, domain, self._opsets[domain]))))

    def _attributes(self, node: NodeProto, scope: Scope) -> Key:
        if not node.attribute:
            return ()
        keys = []
        for attribute in node.attribute:
            if attribute.ref_attr_name:
                if scope.opsets is self._opsets:
                    raise Unprovable(
                        f"attribute {attribute.name!r} refers to a caller, outside of any function"
                    )
                # What the caller left out is left out here.
                if (bound := scope.bound.get(attribute.ref_attr_name)) is not None:
                    keys.append(self._attribute(bound[0], attribute.name, bound[1], scope))
            else:
                keys.append(self._attribute(attribute, attribute.name, scope, scope))
        if len(keys) > 1:
            keys.sort(key=lambda key: str(key[0]))
        return tuple(keys)

    def _attribute(self, attribute: AttributeProto, name: str, scope: Scope, use: Scope) -> Key:
        """What an attribute says that was written in `scope`, for a node in `use`."""
        content: object
        match attribute.type:
            case AttributeProto.GRAPH:
                content = self._graph(attribute.g, scope, use)
            case AttributeProto.GRAPHS:
                content = tuple([self._graph(graph, scope, use) for graph in attribute.graphs])
            case AttributeProto.TENSOR:
                content = self._tensor(attribute.t)
            case AttributeProto.TENSORS:
                content = tuple([self._tensor(tensor) for tensor in attribute.tensors])
            case AttributeProto.SPARSE_TENSOR:
                content = self._sparse(attribute.sparse_tensor)
            case AttributeProto.SPARSE_TENSORS:
                content = tuple([self._sparse(tensor) for tensor in attribute.sparse_tensors])
            case _:
                content = plain(attribute)
        return (name, attribute.type, content)

    def _graph(self, graph: GraphProto, scope: Scope, use: Scope) -> Key:
        inner = scope.inside(use)
        first = len(self.apart)
        self._define_tensors(graph, inner)
        for position, info in enumerate(graph.input):
            default = inner.names.pop(info.name, ABSENT)
            inner.define(info.name, self._table.number(("bound", inner.level, position, default)))
        self._evaluate_nodes(graph, inner)
        results = tuple([inner.look_up(info.name) for info in graph.output])
        return (len(graph.input), results, tuple(sorted(self.apart[first:])))

    def _constant(self, node: NodeProto, scope: Scope) -> int:
        """The number of the dense tensor that a Constant holds, 0 for another form."""
        if len(node.attribute) != 1:
            return 0
        attribute = node.attribute[0]
        name = attribute.name
        if attribute.ref_attr_name:
            if attribute.ref_attr_name not in scope.bound:
                return 0
            return self._held(name, scope.bound[attribute.ref_attr_name][0])
        if attribute.ByteSize() > _SMALL:
            return self._held(name, attribute)
        said = attribute.SerializeToString()  # a third of all nodes may be Constants, and most say the same
        if (number := self._constants.get(said)) is None:
            number = self._constants[said] = self._held(name, attribute)
        return number

    def _held(self, name: str, attribute: AttributeProto) -> int:
        tensor = constant_tensor(name, attribute)
        return self._tensor(tensor) if tensor is not None else 0

    def _call(
        self, function: FunctionProto, node: NodeProto, inputs: tuple[int, ...], scope: Scope
    ) -> tuple[int, ...]:
        identity = (function.domain, function.name, function.overload)
        key: Key = (*identity, scope.level, self._attributes(node, scope), _trimmed(inputs))
        found = self._memo.get(key)
        if found is None:
            apart = len(self.apart)
            found = self._enter(function, node, inputs, scope)
            if len(self.apart) == apart:  # a body that draws random numbers draws anew each time
                self._memo[key] = found
        return found

    def _enter(
        self, function: FunctionProto, node: NodeProto, inputs: tuple[int, ...], scope: Scope
    ) -> tuple[int, ...]:
        if len(inputs) > len(function.input):
            raise Unprovable(f"a call gives function {function.name!r} more inputs than it has")
        inner = scope.called(function)
        for position, name in enumerate(function.input):
            inner.define(name, inputs[position] if position < len(inputs) else ABSENT)
        for default in function.attribute_proto:
            inner.bound[default.name] = (default, inner)
            if default.ref_attr_name:
                raise Unprovable(f"a default of function {function.name!r} refers to another attribute")
        for attribute in node.attribute:
            if not attribute.ref_attr_name:
                inner.bound[attribute.name] = (attribute, scope)
            elif attribute.ref_attr_name in scope.bound:
                inner.bound[attribute.name] = scope.bound[attribute.ref_attr_name]
        self._evaluate_nodes(function, inner)
        return tuple([inner.look_up(name) for name in function.output])


def _functions(model: ModelProto) -> dict[tuple[str, str, str], FunctionProto]:
    found: dict[tuple[str, str, str], FunctionProto] = {}
    for function in model.functions:
        if (
            found.setdefault((canonical(function.domain), function.name, function.overload), function)
            != function
        ):
            raise Unprovable(f"two functions are called {function.name!r}")
    return found


def _trimmed(inputs: tuple[int, ...]) -> tuple[int, ...]:
    """Inputs without the optional ones left out at the end: `Clip(x)` is `Clip(x, '', '')`."""
    while inputs and inputs[-1] == ABSENT:
        inputs = inputs[:-1]
    return inputs
