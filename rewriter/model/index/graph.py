"""GraphIndex: nodes and values of a model as integers, including bodies of If/Loop/Scan and functions.

A *body* is a list of nodes with its own names: the main graph, a graph attribute of a node, or a local
function. Nodes are numbered in file order; the nodes of a graph attribute come directly after its owner, and
functions come last. A name means the value of the innermost enclosing body that defines it (ONNX IR
specification, "Names within a graph"); a function sees no names from outside.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Set
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter

from onnx import (
    AttributeProto,
    FunctionProto,
    GraphProto,
    ModelProto,
    NodeProto,
    TensorProto,
    ValueInfoProto,
)

from rewriter.model.index.columns import Columns, read_columns
from rewriter.model.metadata import pick
from rewriter.model.operator_set.operators import canonical

NONE = -1
"""Placeholder for no node, no value (an omitted optional input) and no body."""

_STORED = frozenset({"Constant", "Identity"})
"""Operators that may only output a stored tensor."""


@dataclass(slots=True)
class Body:
    """List of nodes with its own names.

    Attributes:
        proto: the graph or function itself.
        owner: number of the node whose attribute this is; NONE for the main graph and functions.
        outer: number of the enclosing body; NONE for the main graph and functions.
        values: the names this body defines -> value number; also names that it reads and nothing defines.
        results: value numbers of its outputs; NONE for an output without a name.
    """

    proto: GraphProto | FunctionProto
    owner: int
    outer: int
    values: dict[str, int]
    results: list[int]

    @property
    def formals(self) -> list[int]:
        """The value numbers of its inputs, in order."""
        names = (each if isinstance(each, str | bytes) else each.name for each in self.proto.input)
        return [self.values[name] for name in names]

    @property
    def function(self) -> FunctionProto | None:
        """The function; None for a graph."""
        return self.proto if isinstance(self.proto, FunctionProto) else None


class GraphIndex:
    """Integer view of a model. It never changes the model, and becomes invalid once the model changes.

    Attributes:
        model: the indexed model.
        nodes: every node of the model.
        names: node -> its name.
        operators: node -> the domain and type of its operator, as spelled in the file.
        metadata_keys: node -> the keys of its metadata, in file order; nodes with equal keys share one tuple.
        attributes: node -> the names of its attributes, in file order; nodes with equal names share one
            tuple.
        body_of: node -> number of its body.
        bodies: all bodies, the main graph first.
        reads: node -> value numbers of its inputs, NONE for an omitted one.
        writes: node -> value numbers of its outputs, NONE for an omitted one.
        value_names: value -> its name.
        producer: value -> the node that writes it; NONE for inputs, initializers and undefined names.
        readers: value -> nodes that read it, each once, in file order. The owner of a body counts as a reader
            of the body's results, as an If reads those of its branches; an owner that does not read
            the value otherwise comes last.
        initializers: value -> the dense tensor that initializes it, in the main graph or in a graph body.
    """

    def __init__(self, model: ModelProto) -> None:
        self.model = model
        self.nodes: list[NodeProto] = []
        self.names: list[str] = []
        self.operators: list[tuple[str, str]] = []
        self.metadata_keys: list[tuple[str, ...]] = []
        self.attributes: list[tuple[str, ...]] = []
        self.body_of: list[int] = []
        self.bodies: list[Body] = []
        self.reads: list[list[int]] = []
        self.writes: list[list[int]] = []
        self.value_names: list[str] = []
        self.producer: list[int] = []
        self.readers: list[list[int]] = []
        self.initializers: dict[int, TensorProto] = {}
        self._names_read: list[list[str]] = []
        self._define(model.graph, NONE, NONE)
        for function in model.functions:
            self._define(function, NONE, NONE)
        self._connect()

    def value(self, name: str, body: int = 0) -> int:
        """Return the value that `name` means in `body`; NONE if it is undefined."""
        while body != NONE:
            found = self.bodies[body].values.get(name, NONE)
            if found != NONE:
                return found
            body = self.bodies[body].outer
        return NONE

    @cached_property
    def constants(self) -> frozenset[int]:
        """Values that depend on no input of a graph or function.

        These are initializers (dense ones even if they are also inputs), undefined names, outputs of nodes
        without inputs, and values that later nodes compute from these alone. Outputs of nodes with graph
        bodies are left out.
        """
        known = {NONE, *(value for value, producer in enumerate(self.producer) if producer == NONE)}
        for body in self.bodies:
            known.difference_update([value for value in body.formals if value not in self.initializers])
        owners = {body.owner for body in self.bodies}
        for node, inputs in enumerate(self.reads):
            if known.issuperset(inputs) and node not in owners:
                known.update(self.writes[node])
        return frozenset(known - {NONE})

    @cached_property
    def initializer_named(self) -> dict[str, int]:
        """Name -> initializer; one of the main graph goes before those of bodies."""
        return {self.value_names[value]: value for value in reversed(self.initializers)}

    @cached_property
    def noted(self) -> frozenset[int]:
        """Initializers with metadata."""
        return frozenset([value for value, tensor in self.initializers.items() if tensor.metadata_props])

    def main_name(self, value: int) -> str:
        """Return the name of an initializer of the main graph; '' for other values and for no UTF-8."""
        name = self.value_names[value] if value in self.initializers else ""
        return name if isinstance(name, str) and self.bodies[0].values.get(name) == value else ""

    @cached_property
    def described(self) -> dict[int, ValueInfoProto]:
        """Initializer of the main graph -> its `value_info`, if that has metadata."""
        main = self.bodies[0].values
        names = {self.value_names[value] for value in self.initializers}
        infos = [info for info in self.model.graph.value_info if info.name in names]
        described = ((main.get(info.name, NONE), info) for info in infos if info.metadata_props)
        return {value: info for value, info in described if value in self.initializers}

    def entries(self, choose: Callable[[tuple[str, ...]], Set[str]]) -> Iterator[tuple[int, dict[str, str]]]:
        """Yield the nodes with chosen metadata, each with its entries as `metadata.pick` returns them.

        Args:
            choose: the keys of a node -> the chosen ones; called once for each tuple of keys.
        """
        chosen = {metadata_keys: choose(metadata_keys) for metadata_keys in set(self.metadata_keys)}
        places = {
            metadata_keys: [(key, metadata_keys.index(key)) for key in keys]
            for metadata_keys, keys in chosen.items()
        }
        for node, metadata_keys in enumerate(self.metadata_keys):
            if wanted := places[metadata_keys]:
                entries = self.nodes[node].metadata_props
                found = {key: entries[place].value for key, place in wanted}
                if bytes in map(type, found.values()):  # not UTF-8
                    found = pick(self.nodes[node], chosen[metadata_keys])
                yield node, found

    def with_metadata_keys(self, metadata_keys: list[tuple[str, ...]]) -> GraphIndex:
        """Return a copy of the index with the metadata keys that nodes have after metadata was written."""
        other = copy(self)
        other.metadata_keys = metadata_keys
        return other

    def successors(self, node: int) -> Iterator[int]:
        """Yield the nodes that read an output of `node`, once per such value."""
        for value in self.writes[node]:
            if value != NONE:
                yield from self.readers[value]

    def distinct_successors(self, node: int) -> Collection[int]:
        """Return the nodes that read an output of `node`, each once."""
        written = self.writes[node]
        if len(written) == 1 and written[0] != NONE:  # the usual case
            return self.readers[written[0]]
        return {*self.successors(node)}

    def predecessors(self, node: int) -> Iterator[int]:
        """Yield the nodes that write an input of `node`, once per such input."""
        for value in self.reads[node]:
            if value != NONE and self.producer[value] != NONE:
                yield self.producer[value]

    @cached_property
    def stored_nodes(self) -> frozenset[int]:
        """The nodes for which `is_stored` holds."""
        kinds = enumerate(self.operators)
        return frozenset([node for node, kind in kinds if kind[1] in _STORED and self.is_stored(node)])

    def is_stored(self, node: int) -> bool:
        """Whether a node only outputs a stored tensor: a Constant, or an Identity of an initializer."""
        domain, operator = self.operators[node]
        if canonical(domain) or operator not in _STORED:
            return False
        return all(value in self.initializers for value in self.reads[node])

    def enclosing(self, node: int) -> Iterator[int]:
        """Yield the nodes whose bodies contain `node`, the nearest first."""
        owner = self.bodies[self.body_of[node]].owner
        while owner != NONE:
            yield owner
            owner = self.bodies[self.body_of[owner]].owner

    def _define(self, proto: GraphProto | FunctionProto, owner: int, outer: int) -> None:
        body = len(self.bodies)
        values: dict[str, int] = {}
        self.bodies.append(Body(proto, owner, outer, values, []))
        if isinstance(proto, GraphProto):
            for tensor in proto.initializer:
                self.initializers[self._new_value(tensor.name, values)] = tensor
            for sparse in proto.sparse_initializer:
                self._new_value(sparse.values.name, values)
            for info in proto.input:
                self._new_value(info.name, values)
        else:
            for name in proto.input:
                self._new_value(name, values)
        nodes, columns = list(proto.node), read_columns(proto.node)
        start = 0
        for holder in columns.holders:
            self._add_nodes(nodes, columns, slice(start, holder + 1), body)
            start, number = holder + 1, len(self.nodes) - 1
            for attribute in nodes[holder].attribute:
                for graph in graphs_of(attribute):
                    self._define(graph, number, body)
        self._add_nodes(nodes, columns, slice(start, None), body)

    def _add_nodes(self, nodes: list[NodeProto], columns: Columns, part: slice, body: int) -> None:
        """Number nodes and the values that they write."""
        values, value_names, producer = self.bodies[body].values, self.value_names, self.producer
        for node, names in enumerate(columns.outputs[part], len(self.nodes)):
            written = []
            for name in names:
                value = values.get(name, NONE)
                if value != NONE:
                    producer[value] = node
                elif name:
                    value = values[name] = len(value_names)
                    value_names.append(name)
                    producer.append(node)
                written.append(value)
            self.writes.append(written)
        self.nodes += nodes[part]
        self.body_of += [body] * (len(self.nodes) - len(self.body_of))
        self.names += columns.names[part]
        self.operators += columns.operators[part]
        self.metadata_keys += columns.keys[part]
        self.attributes += columns.attributes[part]
        self._names_read += columns.inputs[part]

    def _new_value(self, name: str, values: dict[str, int]) -> int:
        """Return the value `name` of a body, created if new; an initializer may be an input as well."""
        number = values.get(name, NONE)
        if number == NONE:
            number = values[name] = len(self.value_names)
            self.value_names.append(name)
            self.producer.append(NONE)
        return number

    def _resolve(self, name: str, body: int) -> int:
        if not name:
            return NONE
        found = self.bodies[body].values.get(name, NONE)
        if found == NONE:
            found = self.value(name, self.bodies[body].outer)
        return found if found != NONE else self._new_value(name, self.bodies[body].values)

    def _connect(self) -> None:
        for names, number in zip(self._names_read, self.body_of, strict=True):
            values = self.bodies[number].values
            try:
                self.reads.append([values[name] for name in names])
            except KeyError:  # a name is from outside, empty or undefined
                self.reads.append([self._resolve(name, number) for name in names])
        del self._names_read
        for number, body in enumerate(self.bodies):
            results = (each if isinstance(each, str | bytes) else each.name for each in body.proto.output)
            body.results += [self._resolve(name, number) for name in results]
        self.readers += [[] for _ in self.value_names]
        for node, read in enumerate(self.reads):
            for value in read:
                if value == NONE:
                    continue
                readers = self.readers[value]
                if not readers or readers[-1] != node:
                    readers.append(node)
        known: dict[int, set[int]] = {}
        for body in self.bodies:
            for value in body.results:
                if NONE in (value, body.owner):
                    continue
                readers = self.readers[value]
                of_value = known.setdefault(value, set())
                if len(of_value) < len(readers):
                    of_value.update(readers)
                if body.owner not in of_value:
                    of_value.add(body.owner)
                    readers.append(body.owner)


def graphs_of(attribute: AttributeProto) -> Iterator[GraphProto]:
    """Yield the graphs in an attribute: none, one or several."""
    if attribute.type == AttributeProto.GRAPH:
        yield attribute.g
    elif attribute.type == AttributeProto.GRAPHS:
        yield from attribute.graphs


def nodes_within(nodes: Iterable[NodeProto]) -> Iterator[NodeProto]:
    """Yield nodes and all nodes in their graph bodies, in no particular order; functions are not entered."""
    stack = list(nodes)
    while stack:
        node = stack.pop()
        yield node
        for attribute in node.attribute:
            stack.extend(inner for graph in graphs_of(attribute) for inner in graph.node)


def domains_of(nodes: Iterable[NodeProto]) -> dict[str, None]:
    """Return the canonical domains of nodes and of the nodes in their bodies, in order of first use."""
    found: dict[str, None] = {}
    for node in nodes:
        found[canonical(node.domain)] = None
        for attribute in node.attribute:
            for graph in graphs_of(attribute):
                found.update(domains_of(graph.node))
    return found


def with_inner(node: NodeProto) -> Iterator[NodeProto]:
    """Yield a node and all nodes in its graph bodies, in an order independent of the order of attributes."""
    yield node
    for attribute in sorted(node.attribute, key=attrgetter("name")):
        for graph in graphs_of(attribute):
            for inner in graph.node:
                yield from with_inner(inner)
