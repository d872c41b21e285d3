"""The canonical form of a function's body: without names, and nodes in an order that the outputs determine.

Nodes that no output needs, and nodes in graph bodies, keep the order of the file.

Nodes are visited depth first from the outputs: first the producers of a node's inputs, in order of the
inputs; then the producers of values that its bodies (of If, Loop and Scan) capture; then the node. Values are
numbered in order of visit, so formal inputs come in order of first use, whatever the order of the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

from onnx import AttributeProto, FunctionProto, GraphProto, NodeProto, TensorProto

from rewriter.model.index.columns import HOLD_GRAPHS
from rewriter.model.index.graph import graphs_of

Key = tuple[object, ...]
Callees = Mapping[tuple[str, str], object]
"""(domain, name) of a function -> its representative in keys; functions with equal bodies share it."""


@dataclass(frozen=True, slots=True)
class CanonicalBody:
    """Canonical form of a function's body.

    Attributes:
        keys: one hashable key per node, in canonical order.
        outputs: the number of every formal output.
        inputs: the formal inputs in order of first use, unread ones last.
        order: the position, in the function, of every node in canonical order.
        values: number -> name, for all values of the body outside graph bodies; number 0 is the absent value.
    """

    keys: tuple[Key, ...]
    outputs: tuple[int, ...]
    inputs: tuple[str, ...]
    order: tuple[int, ...]
    values: tuple[str, ...]

    @property
    def key(self) -> Key:
        """Key that is equal for equal bodies, and only for these; `blind` bodies may differ in Constants."""
        return (self.keys, self.outputs, len(self.inputs))


def canonical_body(function: FunctionProto, callees: Callees, *, blind: bool = False) -> CanonicalBody:
    """Return the canonical form of a function.

    Args:
        function: the function.
        callees: representatives of the functions that it may call.
        blind: whether all Constants count as equal, whatever their values.
    """
    body = [*map(_Node, function.node)]
    numbers: dict[str, int] = {"": 0}
    keys, order = [], []
    for position in _depth_first(function, body):
        node = body[position]
        for name in (*node.inputs, *node.captures, *node.outputs):
            numbers.setdefault(name, len(numbers))
        keys.append(_node_key(node, numbers, callees, blind=blind))
        order.append(position)
    outputs = tuple(numbers.setdefault(name, len(numbers)) for name in function.output)
    for name in function.input:
        numbers.setdefault(name, len(numbers))
    formal = set(function.input)
    inputs = tuple(name for name in numbers if name in formal)
    return CanonicalBody(tuple(keys), outputs, inputs, tuple(order), tuple(numbers))


class _Node:
    """Node whose names were read once: protobuf decodes names again on each access."""

    __slots__ = ("captures", "inputs", "outputs", "proto")

    def __init__(self, proto: NodeProto) -> None:
        self.proto = proto
        self.inputs: list[str] = list(proto.input)
        self.outputs: list[str] = list(proto.output)
        self.captures = captures(proto)


def _depth_first(function: FunctionProto, body: Sequence[_Node]) -> Iterator[int]:
    """Yield positions of nodes, producers before readers: nodes that the outputs need, then the others."""
    producer = {name: position for position, node in enumerate(body) for name in node.outputs if name}
    sources = [
        [producer[name] for name in (*node.inputs, *node.captures) if name in producer] for node in body
    ]
    done: set[int] = set()
    for start in (*(producer[name] for name in function.output if name in producer), *range(len(body))):
        stack = [(start, iter(sources[start]))] if start not in done else []
        done.add(start)
        while stack:
            position, left = stack[-1]
            for source in left:
                if source not in done:
                    done.add(source)
                    stack.append((source, iter(sources[source])))
                    break
            else:
                stack.pop()
                yield position


def captures(node: NodeProto) -> list[str]:
    """Return the outside values that the bodies of a node read, in order of appearance."""
    found: dict[str, None] = {}
    for attribute in node.attribute:
        if attribute.type in HOLD_GRAPHS:
            for graph in graphs_of(attribute):
                found.update(dict.fromkeys(_free(graph)))
    return list(found)


def _free(graph: GraphProto) -> Iterator[str]:
    bound = {info.name for info in graph.input} | {tensor.name for tensor in graph.initializer}
    bound |= {tensor.values.name for tensor in graph.sparse_initializer}
    for node in graph.node:
        yield from (name for name in (*node.input, *captures(node)) if name and name not in bound)
        bound.update(node.output)
    yield from (info.name for info in graph.output if info.name not in bound)


def _node_key(node: _Node, numbers: Mapping[str, int], callees: Callees, *, blind: bool) -> Key:
    proto = node.proto
    domain, op_type = proto.domain, proto.op_type
    callee = callees.get((domain, op_type))
    return (
        (domain, op_type, proto.overload) if callee is None else ("call", callee),
        () if blind and op_type == "Constant" else _attributes(proto, numbers, callees, blind=blind),
        tuple([numbers[name] for name in node.inputs]),
        tuple([numbers[name] for name in node.outputs]),
    )


def _attributes(node: NodeProto, numbers: Mapping[str, int], callees: Callees, *, blind: bool) -> Key:
    if not node.attribute:
        return ()
    found: list[tuple[str, object]] = []
    for attribute in node.attribute:
        if attribute.type in HOLD_GRAPHS:
            graphs = graphs_of(attribute)
            content: object = tuple(_graph_key(graph, numbers, callees, blind=blind) for graph in graphs)
        else:
            content = attribute_content(attribute)
        found.append((attribute.name, content))
    found.sort(key=itemgetter(0))
    return tuple(found)


def same_attributes(left: NodeProto, right: NodeProto) -> bool:
    """Whether two nodes have equal attributes, up to order, doc strings, and names in tensors and bodies.

    Values that the graph bodies capture must have the same names in both.
    """
    numbers = {"": 0}
    for name in (*captures(left), *captures(right)):
        numbers.setdefault(name, len(numbers))
    return _attributes(left, numbers, {}, blind=False) == _attributes(right, numbers, {}, blind=False)


def constant_key(node: NodeProto) -> Key:
    """Return a key of the value that a Constant holds."""
    return _attributes(node, {}, {}, blind=False)


def attribute_content(attribute: AttributeProto) -> bytes:
    """Return an attribute without graphs as bytes, without doc strings and names of tensors."""
    tensor = attribute.HasField("t")
    named = tensor and (attribute.t.HasField("name") or attribute.t.HasField("doc_string"))
    if not (named or attribute.HasField("doc_string")):  # a present but empty field is cleared too
        return attribute.SerializeToString(deterministic=True)
    bare = AttributeProto()
    bare.CopyFrom(attribute)
    bare.ClearField("doc_string")
    if tensor:  # for any other kind of attribute this would set `t`
        bare.t.ClearField("name")
        bare.t.ClearField("doc_string")
    return bare.SerializeToString(deterministic=True)


def _graph_key(graph: GraphProto, outer: Mapping[str, int], callees: Callees, *, blind: bool) -> Key:
    numbers = dict(outer)
    for position, name in enumerate(bound(graph)):
        numbers[name] = -position - 1 - len(outer)
    types = tuple(info.type.SerializeToString(deterministic=True) for info in (*graph.input, *graph.output))
    tensors = tuple(map(_without_name, graph.initializer))
    nodes = tuple(_node_key(_Node(node), numbers, callees, blind=blind) for node in graph.node)
    sparse = tuple(each.SerializeToString(deterministic=True) for each in graph.sparse_initializer)
    return (types, tensors, sparse, nodes, tuple(numbers[info.name] for info in graph.output))


def bound(graph: GraphProto) -> Iterator[str]:
    """Yield the names that a graph defines: inputs, initializers, and outputs of its nodes."""
    yield from (info.name for info in graph.input)
    yield from (tensor.name for tensor in graph.initializer)
    yield from (tensor.values.name for tensor in graph.sparse_initializer)
    for node in graph.node:
        yield from filter(None, node.output)


def _without_name(tensor: TensorProto) -> bytes:
    bare = TensorProto()
    bare.CopyFrom(tensor)
    bare.ClearField("name")
    return bare.SerializeToString(deterministic=True)
