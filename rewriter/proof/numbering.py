"""Symbolic value numbering: one number for every distinct expression of a model.

Hash-consing after Cocke and Schwartz, "Programming Languages and Their Compilers" (1970): the number of a
value follows from the operator that computes it and the numbers of the operator's inputs, so two values
have the same number only if the same operators compute them from the same inputs and constants. Keys are
compared whole, so numbers cannot collide; only tensors in different folders are compared by digest.

- Functions are inlined, and a `Constant` with a dense tensor equals an initializer of the same content.
  `Identity` is skipped, unless results depend on declared types.
- A graph attribute (of If, Loop or Scan) is represented by the expressions of its results and by its random
  or unknown nodes. Its inputs are numbered by nesting level and position, so their names do not matter (de
  Bruijn levels).
- A node that draws random numbers, or has an unknown operator, gets a new number at each occurrence. The
  number depends on the nesting level: one draw before a loop differs from a draw in each iteration.
- An unsorted list of nodes of the main graph, or of a graph body in it, means its dataflow. Equal draws in
  it keep their order in the file; if dataflow demands another, the model is refused. Unsorted nodes of
  functions are refused, since onnxruntime inlines them in the order of the file.
- If runtimes interpret part of a file in two ways, the number stands for both interpretations, or the model
  is refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from pathlib import Path

from onnx import AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, ValueInfoProto

from rewriter.model.index.cycles import Circle, in_dataflow_order, title
from rewriter.model.index.functions import Identity, identity_of
from rewriter.model.operator_set.body_types import has_scan_outputs, leaves_shapes_open
from rewriter.model.operator_set.determinism import counts_apart
from rewriter.model.operator_set.draw_order import DrawOrder
from rewriter.model.operator_set.operators import canonical, left_to_runtimes, newest, optional_tail, since
from rewriter.proof.attributes import NOTHING, AttributeContents, constant_tensor, joined, plain
from rewriter.proof.contents import Key, Table
from rewriter.proof.declared_types import body_types, types_of
from rewriter.proof.scope import Scope, Unprovable, opsets_of

ABSENT = 0
"""The number of an optional input that was left out."""

IR_WITH_CONSTANTS = 4
"""The first IR version in which an initializer not listed as an input is a constant."""

MAX_INLINED = 2_000_000
"""Maximum number of nodes inside functions and graph attributes, after inlining.

Equal calls of a function count once, unless the function holds random or unknown nodes. Without a limit,
functions that call each other twice would double the work at each level.
"""

_SMALL = 256
"""Maximum bytes of a Constant's attribute that is looked up by its serialized form."""


class TypesCount(Exception):
    """Raised if results depend on declared types, so that the model must be numbered with `typed`."""


class Numbering:
    """Numbers of the values of one model.

    Attributes:
        inputs: the numbers of the inputs, in order; each stands for position, type and default.
        outputs: the numbers of the outputs, in order.
        apart: the numbers of all nodes that draw random numbers or have an unknown operator, one per
            occurrence after inlining, in the order of the nodes; those in a graph that a call passes to a
            function count at the call, too.
        scans: whether the model has a Loop or Scan outside of unused functions; results of these nodes may
            depend on stated types.

    Raises:
        Unprovable: the model cannot be read as expressions.
        TypesCount: results depend on declared types, and `typed` is false.
        ReadEarly: nodes are not sorted, and `sorts` is false.
    """

    def __init__(
        self,
        model: ModelProto,
        table: Table,
        folder: Path | None = None,
        *,
        typed: bool = False,
        sorts: bool = False,
    ) -> None:
        self._table = table
        self._model = model
        self._tensor = partial(table.tensor, folder=folder)
        self._sparse = partial(table.sparse, folder=folder)
        self._functions = _functions(model)
        self._opsets = opsets_of(model.opset_import)
        self._memo: dict[Key, tuple[int, ...]] = {}
        self._occurrences: Counter[Key] = Counter()
        self._draw_order = DrawOrder(model)
        self._place: list[tuple[int, int]] = []
        self._last_place: dict[Key, list[tuple[int, int]]] = {}
        self._bodies_sorted = 0
        self._constants: dict[bytes, int] = {}
        self._inlined = 0
        self._typed = typed
        self._sorts = sorts
        self._bare: dict[int, int] = {}
        self._apart: list[int] = []
        self.scans = False
        self._main = Scope(None, 0, 0, self._opsets, declared=types_of(model.graph) if typed else {})
        self._define_tensors(model.graph, self._main)
        self.inputs: list[int] = []
        for info in interface_inputs(model):
            default = self._main.names.pop(info.name, ABSENT)
            kind = info.type.SerializeToString(deterministic=True)
            number = table.number(("input", len(self.inputs), kind, default))
            self.inputs.append(number)
            self._define(info.name, number, self._main)
        self._evaluate_nodes(model.graph, self._main)
        self.outputs = [self._without_types(self._main.look_up(info.name)) for info in model.graph.output]
        self.apart = [self._without_types(number) for number in self._apart]

    @cached_property
    def numbers(self) -> dict[str, int]:
        """Numbers of the values of the main graph, by name."""
        return {name: self._without_types(number) for name, number in self._main.names.items()}

    @cached_property
    def stated(self) -> dict[int, tuple[str, set[bytes]]]:
        """Number of each value in the main graph's `value_info` -> a name of the value, its stated types."""
        found: dict[int, tuple[str, set[bytes]]] = {}
        for info in self._model.graph.value_info:
            if (number := self.numbers.get(info.name)) is not None:
                kind = info.type.SerializeToString(deterministic=True)
                found.setdefault(number, (info.name, set()))[1].add(kind)
        return found

    @cached_property
    def computed(self) -> frozenset[int]:
        """The numbers of all values of the main graph."""
        return frozenset(self.numbers.values())

    def _without_types(self, number: int) -> int:
        return self._bare.get(number, number)

    def _made(self, head: Key, reads: tuple[int, ...]) -> int:
        """Return the number of an expression: `head` applied to the values `reads`."""
        number = self._table.number((*head, reads))
        if self._bare:
            bare = tuple([self._without_types(each) for each in reads])
            if bare != reads:
                self._bare[number] = self._table.number((*head, bare))
        return number

    def _define(self, name: str, number: int, scope: Scope) -> None:
        """Record the number of a named value; with `typed`, the number also stands for the declared type."""
        if self._typed and (stated := scope.declared.get(name)):
            bare = self._without_types(number)
            number = self._table.number(("declared", number, stated))
            self._bare[number] = bare
        scope.define(name, number)

    def _define_tensors(self, graph: GraphProto, scope: Scope) -> None:
        main = scope is self._main  # only its names are unique
        dense = [
            (each.name, self._tensor(each, missing=each.name if main else None)) for each in graph.initializer
        ]
        sparse = [(each.values.name, self._sparse(each)) for each in graph.sparse_initializer]
        for name, number in (*dense, *sparse):
            scope.hide(name, number)
            # If two initializers have the same name, some runtimes use the first and some the last.
            other = scope.names.get(name, number)
            scope.names[name] = number if other == number else self._table.number(("either", other, number))

    def _evaluate_nodes(self, body: GraphProto | FunctionProto, scope: Scope) -> None:
        self._inlined += 0 if scope is self._main else len(body.node)
        if self._inlined > MAX_INLINED:
            raise Unprovable(f"functions and graphs come to more than {MAX_INLINED:,} nodes once inlined")
        for node in self._in_order(body, scope) if self._sorts else body.node:
            for name, number in zip(node.output, self._evaluate(node, scope), strict=False):
                if name:
                    self._define(name, number, scope)

    def _in_order(self, body: GraphProto | FunctionProto, scope: Scope) -> Iterator[NodeProto]:
        """Yield the nodes of a body in dataflow order: an unsorted list means its dataflow."""
        nodes = list(body.node)
        scope.written = frozenset(name for node in nodes for name in node.output if name)
        scope.demand_unhidden()
        try:
            if scope.is_inlined:
                order = in_dataflow_order(nodes)
            else:
                order = in_dataflow_order(nodes, self._draw_order.draws)
        except Circle as found:
            first = title(nodes[found.members[0]])
            raise Unprovable(f"nodes feed each other in a cycle, among them {first}") from None
        if scope.is_inlined and order != list(range(len(nodes))):
            raise Unprovable("nodes of a function are not sorted")
        self._bodies_sorted += 1
        place = self._bodies_sorted
        for at in order:
            scope.written_now = nodes[at].output
            self._place.append((place, at))
            yield nodes[at]
            self._place.pop()

    def _evaluate(self, node: NodeProto, scope: Scope) -> tuple[int, ...]:
        names = scope.names
        try:
            inputs = tuple([names[name] for name in node.input])
        except KeyError:  # an input is left out, comes from an outer body, or is undefined
            inputs = tuple([scope.look_up(name) if name else ABSENT for name in node.input])
        domain = canonical(node.domain)
        function = self._functions.get((domain, node.op_type, node.overload)) if self._functions else None
        if function is None:
            return self._operate(node, domain, inputs, scope)
        called = self._call(function, node, inputs, scope)
        if not left_to_runtimes(domain):
            return called
        operated = self._operate(node, domain, inputs, scope)
        return tuple([self._made(("either",), pair) for pair in zip(called, operated, strict=False)])

    def _operate(
        self, node: NodeProto, domain: str, inputs: tuple[int, ...], scope: Scope
    ) -> tuple[int, ...]:
        op_type = node.op_type
        if not domain:
            if op_type == "Identity" and len(inputs) == 1 and inputs[0] != ABSENT:
                return self._same(inputs[0])
            if op_type == "Constant" and (constant := self._constant(node, scope)):
                return (constant,)
        version, meaning = self._meaning(op_type, domain, scope)
        if ABSENT in inputs:
            inputs = _trimmed(inputs, *optional_tail(op_type, domain, version))
        contents = self._attributes(node, scope) if node.attribute else NOTHING
        results = len(node.output) if all(node.output) else tuple(map(bool, node.output))
        head: Key = ("node", domain, op_type, node.overload, meaning, contents.texts, len(inputs), results)
        reads = (*inputs, *contents.numbers)
        scans = has_scan_outputs(op_type, domain)
        if scans:
            self.scans = True
            head = (*head, body_types(contents.bodies))
        if counts_apart(node, domain, version, len(inputs)):
            head = self._occurrence(head, reads, scope)
            number = self._made(head, reads)
            self._apart.append(number)
        else:
            number = self._made(head, reads)
        if scans and leaves_shapes_open(node, contents.bodies):
            if not self._typed:
                raise TypesCount
            self._bare.pop(number, None)  # its result depends on the types declared before it
        if len(node.output) == 1:
            return (number,)
        return tuple([self._made(("output", index), (number,)) for index in range(len(node.output))])

    def _same(self, number: int) -> tuple[int]:
        """Return the result of an Identity.

        With `typed`, it is a new number, since runtimes may infer less about the type of the result.
        """
        if not self._typed:
            return (number,)
        copied = self._table.number(("identity", number))
        self._bare[copied] = self._without_types(number)
        return (copied,)

    def _occurrence(self, head: Key, reads: tuple[int, ...], scope: Scope) -> Key:
        """Return a key of a random or unknown node, unlike the keys of earlier equal nodes on its level.

        Raises:
            Unprovable: by dataflow the node comes after an equal one that follows it in an unsorted file.
        """
        head = (*head, scope.level)
        same = (*head, tuple([self._without_types(each) for each in reads]))
        if self._sorts:
            if self._place < self._last_place.get(same, []):
                raise Unprovable(
                    "nodes are not sorted, and by dataflow equal random draws change their order"
                )
            self._last_place[same] = self._place.copy()
        self._occurrences[same] += 1
        return (*head, self._occurrences[same])

    def _meaning(self, op_type: str, domain: str, scope: Scope) -> tuple[int, Key]:
        """Return the version of an operator, and all versions that runtimes may use for it.

        onnxruntime inlines a function under the opset imports of the model instead of those of the function.
        An operator set that the model does not import then has the newest version that onnxruntime knows.
        """
        version = since(op_type, domain, scope.opsets.get(domain, 0))
        if scope.opsets is self._opsets:
            return version, (version,)
        if domain not in self._opsets:
            return version, (version, "newest") if newest(domain) else (version,)
        return version, tuple(dict.fromkeys((version, since(op_type, domain, self._opsets[domain]))))

    def _attributes(self, node: NodeProto, scope: Scope) -> AttributeContents:
        """Return the contents of a node's attributes, sorted by name."""
        found: list[AttributeContents] = []
        for attribute in node.attribute:
            if attribute.ref_attr_name:
                if scope.opsets is self._opsets:
                    raise Unprovable(
                        f"attribute {attribute.name!r} refers to a caller, outside of any function"
                    )
                # An attribute without a value from the caller or a default is left out.
                if (bound := scope.bound.get(attribute.ref_attr_name)) is not None:
                    found.append(self._attribute(bound[0], attribute.name, bound[1], scope))
            else:
                found.append(self._attribute(attribute, attribute.name, scope, scope))
        return found[0] if len(found) == 1 else joined(found)

    def _attribute(self, attribute: AttributeProto, name: str, scope: Scope, use: Scope) -> AttributeContents:
        """Return the content of an attribute written in `scope`, for a node in `use`."""
        content: object
        bodies: tuple[GraphProto, ...] = ()
        match attribute.type:
            case AttributeProto.GRAPH:
                content, bodies = None, (attribute.g,)
            case AttributeProto.GRAPHS:
                content, bodies = len(attribute.graphs), tuple(attribute.graphs)
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
        numbers = tuple([self._graph(body, scope, use) for body in bodies])
        return AttributeContents(((name, attribute.type, content),), numbers, bodies)

    def _graph(self, graph: GraphProto, scope: Scope, use: Scope) -> int:
        """Return the number of a graph: it stands for its results and its random or unknown nodes."""
        inner = scope.inside(use)
        if self._typed:
            inner.declared = types_of(graph)
        first = len(self._apart)
        self._define_tensors(graph, inner)
        for position, info in enumerate(graph.input):
            if info.name in inner.names:
                raise Unprovable(f"input {info.name!r} of a body has a default")
            self._define(info.name, self._table.number(("bound", inner.level, position)), inner)
        self._evaluate_nodes(graph, inner)
        results = tuple([inner.look_up(info.name) for info in graph.output])
        return self._of_graph(len(graph.input), results, self._apart[first:])

    def _of_graph(self, inputs: int, results: tuple[int, ...], apart: list[int]) -> int:
        """Return the number of a graph, given its parts; the order of random or unknown nodes is ignored."""
        number = self._table.number(("graph", inputs, results, tuple(sorted(apart))))
        if self._bare:
            bare = tuple(map(self._without_types, results)), tuple(sorted(map(self._without_types, apart)))
            plain_number = self._table.number(("graph", inputs, *bare))
            if plain_number != number:
                self._bare[number] = plain_number
        return number

    def _constant(self, node: NodeProto, scope: Scope) -> int:
        """Return the number of the dense tensor in a Constant; 0 if the Constant is numbered as a node."""
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
        # Numbers are remembered, since a third of all nodes may be Constants, most of them equal.
        content = attribute.SerializeToString()
        if (number := self._constants.get(content)) is None:
            number = self._constants[content] = self._held(name, attribute)
        return number

    def _held(self, name: str, attribute: AttributeProto) -> int:
        tensor = constant_tensor(name, attribute)
        return self._tensor(tensor) if tensor is not None else 0

    def _call(
        self, function: FunctionProto, node: NodeProto, inputs: tuple[int, ...], scope: Scope
    ) -> tuple[int, ...]:
        identity = (function.domain, function.name, function.overload)
        inputs = _trimmed(inputs, 0, len(inputs))  # trailing arguments that are left out equal missing ones
        contents = self._attributes(node, scope)
        key: Key = (*identity, scope.level, contents.texts, contents.numbers, inputs)
        # A graph that a call passes may read names of the caller that the function must not have.
        found = None if contents.bodies else self._memo.get(key)
        if found is None:
            apart = len(self._apart)
            found = self._enter(function, node, inputs, scope)
            # A body with random or unknown nodes is not remembered, since these differ at each call.
            if len(self._apart) == apart:
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
        for default in _distinct(function.attribute_proto, f"function {function.name!r}"):
            inner.bound[default.name] = (default, inner)
            if default.ref_attr_name:
                raise Unprovable(f"a default of function {function.name!r} refers to another attribute")
        for attribute in _distinct(node.attribute, f"a call of function {function.name!r}"):
            if not attribute.ref_attr_name:
                inner.bound[attribute.name] = (attribute, scope)
            elif attribute.ref_attr_name in scope.bound:
                inner.bound[attribute.name] = scope.bound[attribute.ref_attr_name]
        self._evaluate_nodes(function, inner)
        return tuple([inner.look_up(name) for name in function.output])


def _functions(model: ModelProto) -> dict[Identity, FunctionProto]:
    found: dict[Identity, FunctionProto] = {}
    for function in model.functions:
        if found.setdefault(identity_of(function), function) != function:
            raise Unprovable(f"two functions are called {function.name!r}")
    return found


def _distinct(attributes: Sequence[AttributeProto], where: str) -> Sequence[AttributeProto]:
    """Return the attributes; refuse two of the same name.

    Raises:
        Unprovable: two have the same name; some runtimes use the first, some the last.
    """
    names = [attribute.name for attribute in attributes]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise Unprovable(f"{where} has two attributes {twice!r}")
    return attributes


def _trimmed(inputs: tuple[int, ...], start: int, end: int) -> tuple[int, ...]:
    """Drop optional inputs that are left out at the end: `Clip(x, '', '')` equals `Clip(x)`.

    Args:
        inputs: numbers of the inputs.
        start: position of the first optional input.
        end: position after the last optional input.
    """
    if len(inputs) <= end:
        while len(inputs) > start and inputs[-1] == ABSENT:
            inputs = inputs[:-1]
    return inputs


def interface_inputs(model: ModelProto) -> list[ValueInfoProto]:
    """Return the inputs that a caller may feed.

    Below IR version 4, every initializer is listed as an input. onnxruntime treats such inputs as constants,
    and it is an error to feed one.
    """
    if model.ir_version >= IR_WITH_CONSTANTS:
        return list(model.graph.input)
    constants = {each.name for each in model.graph.initializer}
    constants |= {each.values.name for each in model.graph.sparse_initializer}
    return [info for info in model.graph.input if info.name not in constants]
