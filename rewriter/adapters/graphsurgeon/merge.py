"""Builds the edited model: changes of the user as graphsurgeon exports them, everything else as in the file.

Each message starts as a copy of the original. Only fields that the user changed in graphsurgeon's graph are
replaced. So fields that graphsurgeon does not know are kept, and an untouched graph stays byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import onnx_graphsurgeon as gs
from onnx import AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto

from rewriter.adapters.graphsurgeon.attributes import exported_attribute
from rewriter.adapters.graphsurgeon.constants import exported_dense
from rewriter.adapters.graphsurgeon.fields import fill, update_imports
from rewriter.adapters.graphsurgeon.snapshot import KnownNode, Snapshot, is_unchanged
from rewriter.adapters.graphsurgeon.values import Values
from rewriter.model.index.graph import domains_of, graphs_of
from rewriter.model.operator_set.ir_version import initialized, list_initializers
from rewriter.model.operator_set.operators import canonical


@dataclass(slots=True)
class Merged:
    """An edited model, with the added, kept and removed nodes.

    Attributes:
        model: the model.
        is_new: node, in the order of a `GraphIndex` -> whether it was added.
        kept: number of original nodes in the edited model.
        dropped: names of the removed nodes, in file order; for a node without a name, its first output, else
            its operator.
        changed: the functions in which nodes outside graph bodies were added, removed or reordered, and the
            added functions; None stands for the main graph.
    """

    model: ModelProto
    is_new: list[bool] = field(default_factory=list)
    kept: int = 0
    dropped: list[str] = field(default_factory=list)
    changed: list[FunctionProto | None] = field(default_factory=list)


def merge(snapshot: Snapshot) -> Merged:
    """Combine the original model with the edited graph.

    Raises:
        UsageError: a value in the graph cannot be written as ONNX.
    """
    return _Merge(snapshot).run()


class _Merge:
    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.values = Values(snapshot)
        model = ModelProto()
        model.CopyFrom(snapshot.model)
        self.merged = Merged(model)
        self.alive: set[int] = set()
        self.named: dict[str, list[KnownNode]] = {}
        for known in snapshot.nodes.values():
            if known.proto.name:
                self.named.setdefault(known.proto.name, []).append(known)

    def run(self) -> Merged:
        snapshot, model, graph = self.snapshot, self.merged.model, self.snapshot.graph
        self.alive = {id(node) for body in _bodies_in([graph, *graph.functions]) for node in body.nodes}
        self._graph(model.graph, graph)
        if self._is_other(graph):
            self.merged.changed.append(None)
        functions = [self._function(function) for function in graph.functions]
        fill(model.functions, functions)
        update_imports(
            model.opset_import, graph, snapshot.bodies[id(graph)].opset, domains_of(model.graph.node)
        )
        for name in ("producer_name", "producer_version", "ir_version"):
            value = getattr(graph, name)
            if value is not None and value != getattr(model, name):
                setattr(model, name, value)
        unlisted = initialized(snapshot.model) - {info.name for info in snapshot.model.graph.input}
        list_initializers(model, unlisted)
        for known in snapshot.nodes.values():
            if id(known.node) not in self.alive:
                self.merged.dropped.append(
                    known.proto.name or next(iter(known.proto.output), known.proto.op_type)
                )
        return self.merged

    def _is_other(self, graph: gs.Graph) -> bool:
        """Whether nodes of a graph, outside its graph bodies, were added, removed or reordered."""
        body = self.snapshot.bodies.get(id(graph))
        return body is None or body.order != tuple(map(id, graph.nodes))

    def _graph(self, target: GraphProto, graph: gs.Graph) -> None:
        """Update a graph message from the edited graph; `target` is a copy of the original, or empty."""
        if (graph.name or "") != target.name:
            target.name = graph.name
        if (graph.doc_string or "") != target.doc_string:
            target.doc_string = graph.doc_string
        fill(target.node, [self._node(node) for node in graph.nodes])
        self.values.write(target, graph)

    def _function(self, function: gs.Function) -> FunctionProto:
        target = FunctionProto()
        body = self.snapshot.bodies.get(id(function))
        if body is not None:
            assert isinstance(body.proto, FunctionProto)
            target.CopyFrom(body.proto)
        self._defaults(target, function, body.attributes if body else {})
        for name in ("name", "domain", "doc_string"):
            value = getattr(function, name) or ""
            if value != getattr(target, name):
                setattr(target, name, value)
        constants = [self._constant(tensor) for tensor in self.values.constants_of(function)]
        fill(target.node, [*constants, *(self._node(node) for node in function.nodes)])
        self.values.write_function(target, function)
        update_imports(target.opset_import, function, body.opset if body else None, domains_of(target.node))
        if self._is_other(function):
            self.merged.changed.append(target)
        return target

    def _defaults(self, target: FunctionProto, function: gs.Function, before: Mapping[str, object]) -> None:
        """Update the attributes of a function, with and without defaults."""
        known = {each.name: each for each in target.attribute_proto}
        target.attribute[:] = [name for name, value in function.attrs.items() if value is None]
        made = []
        for name, value in function.attrs.items():
            original = known.get(name)
            if original is not None and is_unchanged(before.get(name), value, original, self.snapshot.folder):
                made.append(original)
            elif value is not None:
                made.append(exported_attribute(name, value, original))
        fill(target.attribute_proto, made)

    def _constant(self, tensor: gs.Constant) -> NodeProto:
        """Return a constant as a node, since functions have no initializers."""
        self.merged.is_new.append(True)
        return NodeProto(
            op_type="Constant",
            output=[tensor.name],
            attribute=[AttributeProto(name="value", type=AttributeProto.TENSOR, t=exported_dense(tensor))],
        )

    def _node(self, node: gs.Node) -> NodeProto:
        known = self.snapshot.nodes.get(id(node)) or self._twin(node)
        self.merged.is_new.append(known is None)
        self.merged.kept += known is not None
        target = NodeProto()
        if known is not None:
            target.CopyFrom(known.proto)
            if (node.op, canonical(node.domain or "")) != (target.op_type, canonical(target.domain)):
                target.ClearField("overload")  # the overload belongs to the old name
        for name, value in (("name", node.name), ("op_type", node.op), ("domain", node.domain)):
            if (value or "") != getattr(target, name):
                setattr(target, name, value or "")
        for side, tensors in ((target.input, node.inputs), (target.output, node.outputs)):
            names = [tensor.name for tensor in tensors]
            if names != [*side]:
                side[:] = names
        fill(target.attribute, list(self._attributes(node, known)))
        return target

    def _twin(self, node: gs.Node) -> KnownNode | None:
        """Return the removed original that this node is a copy of; `Graph.copy` makes such copies."""
        kind, writes = (canonical(node.domain or ""), node.op), [tensor.name for tensor in node.outputs]
        for known in self.named.get(node.name, ()):
            same = (canonical(known.proto.domain), known.proto.op_type) == kind and [
                *known.proto.output
            ] == writes
            if same and id(known.node) not in self.alive:
                self.alive.add(id(known.node))
                return known
        return None

    def _attributes(self, node: gs.Node, known: KnownNode | None) -> Iterator[AttributeProto]:
        """Yield the attributes of a node in their order, including those that graphsurgeon does not read."""
        before = known.attributes if known else {}
        originals = {each.name: each for each in known.proto.attribute} if known else {}
        for name, original in originals.items():
            if name not in before:
                inside = count_nodes(graphs_of(original))
                self.merged.is_new += [False] * inside
                self.merged.kept += inside
                yield original
            elif name in node.attrs:
                yield self._attribute(name, node.attrs[name], original, before[name])
        for name, value in node.attrs.items():
            if name not in originals:
                yield self._attribute(name, value, None, None)

    def _attribute(
        self, name: str, value: object, original: AttributeProto | None, before: object
    ) -> AttributeProto:
        if isinstance(value, gs.Graph):
            body = self.snapshot.bodies.get(id(value))
            made = AttributeProto(name=name, type=AttributeProto.GRAPH)
            if original is not None:
                made.CopyFrom(original)
                made.ClearField("g")
            made.g.SetInParent()
            if body is not None and isinstance(body.proto, GraphProto):
                made.g.CopyFrom(body.proto)
            self._graph(made.g, value)
            return made
        if original is not None and is_unchanged(before, value, original, self.snapshot.folder):
            return original
        return exported_attribute(name, value, original)


def count_nodes(graphs: Iterable[GraphProto]) -> int:
    """Return the number of nodes of graphs and of the graphs inside them."""
    nodes = [node for graph in graphs for node in graph.node]
    return len(nodes) + sum(count_nodes(graphs_of(each)) for node in nodes for each in node.attribute)


def _bodies_in(graphs: Iterable[gs.Graph]) -> Iterator[gs.Graph]:
    for graph in graphs:
        yield graph
        yield from graph.subgraphs(recursive=True)
