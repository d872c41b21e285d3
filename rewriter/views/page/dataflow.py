"""Collects the dataflow between nodes for the graph pane, in columns.

The page derives the graph of every module from it. Values have numbers: first the stored ones (initializers
and constants), then the inputs, then the outputs of the nodes in order. Nodes that only output a stored
tensor are stored values here, and no nodes. A node reads values by their distance from its own first output,
because distances are short and repeat.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from onnx import AttributeProto, NodeProto, TensorProto

from rewriter.insight.comparison.attribute_text import attribute_text
from rewriter.insight.figures import operator_of
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.model.tensors import dtype_name
from rewriter.views.json.types import JsonObject
from rewriter.views.page.findings import Findings
from rewriter.views.page.texts import TextTable, known_text, shown, type_text

_SMALL = 8
"""Maximum number of elements of a tensor that is shown as numbers."""


def dataflow_json(findings: Findings, texts: TextTable) -> JsonObject:
    """Return the nodes, what they read, and the types of the values.

    Args:
        findings: the results to show.
        texts: the table that gets names, operators, attributes and types.
    """
    return _Dataflow(findings, texts).columns()


class _Dataflow:
    def __init__(self, findings: Findings, texts: TextTable) -> None:
        self.findings, self.texts = findings, texts
        self.graph: GraphIndex = findings.analysis.graph
        self.nodes = [node for node in range(len(self.graph.nodes)) if not self.graph.is_stored(node)]
        self.outer = self._outer_values()
        self.inner_results: dict[int, list[int]] = {}
        for body in self.graph.bodies:
            if body.owner != NONE:
                self.inner_results.setdefault(body.owner, []).extend(body.results)
        self.reads = {node: list(dict.fromkeys(self._reads(node))) for node in self.nodes}

    def columns(self) -> JsonObject:
        """Return one entry per node in each column; then stored values, inputs and results of the model."""
        graph, tree, texts = self.graph, self.findings.analysis.tree, self.texts
        modules = {path: number for number, path in enumerate(tree.modules)}
        places = [tree.placements[node] for node in self.nodes]
        written = [[value for value in graph.writes[node] if value != NONE] for node in self.nodes]
        stored, inputs = self._stored_and_inputs()
        order = [*stored, *inputs, *(value for each in written for value in each)]
        numbers = {value: number for number, value in enumerate(order)}
        first, reads = len(stored) + len(inputs), []
        for node, values in zip(self.nodes, written, strict=True):
            reads.append([numbers[value] - first for value in self.reads[node]])
            first += len(values)
        flops = self.findings.stats.node_flops
        results = (self._source(value) for value in graph.bodies[0].results if value != NONE)
        return {
            "module": [-1 if place is None else modules[place.module] for place in places],
            "operator": [texts.number(operator_of(graph.nodes[node])) for node in self.nodes],
            "name": [self._split(graph.names[node]) for node in self.nodes],
            "attributes": [self._attributes(graph.nodes[node]) for node in self.nodes],
            "flops": [each if isinstance(each := flops[node], int) else -1 for node in self.nodes],
            "outputs": [len(values) for values in written],
            "reads": reads,
            "types": [self._type(value) for value in order[len(stored) :]],
            "stored": [self._stored(value) for value in stored],
            "inputs": [shown(graph.value_names[value]) for value in inputs],
            "results": [numbers[value] for value in results if value in numbers],
            "hidden": len(graph.nodes) - len(self.nodes),
        }

    def _outer_values(self) -> dict[int, int]:
        """Return the value that a formal of a Loop or Scan body has at first; both list them in one order."""
        found = {}
        for body in self.graph.bodies:
            if body.owner != NONE:
                for formal, outer in zip(body.formals, self.graph.reads[body.owner], strict=False):
                    found[formal] = outer
        return found

    def _source(self, value: int) -> int:
        while value in self.outer and self.outer[value] != NONE:
            value = self.outer[value]
        return value

    def _reads(self, node: int) -> Iterator[int]:
        """Yield what a node reads; the owner of bodies also reads the results of the bodies."""
        for value in (*self.graph.reads[node], *self.inner_results.get(node, ())):
            if value != NONE:
                yield self._source(value)

    def _stored_and_inputs(self) -> tuple[list[int], list[int]]:
        """Return the values that nodes read and no drawn node writes: stored ones, and all others."""
        graph = self.graph
        stored: dict[int, None] = {}
        inputs: dict[int, None] = {}
        for node in self.nodes:
            for value in self.reads[node]:
                producer = graph.producer[value]
                if producer != NONE and not graph.is_stored(producer):
                    continue
                held = producer != NONE or value in graph.initializers
                (stored if held else inputs)[value] = None
        return list(stored), list(inputs)

    def _split(self, name: str | bytes) -> list[int]:
        """Return a name as two texts, because beginnings and ends repeat."""
        text = shown(name)
        mark = next((each for each in "/._" if each in text), "/")
        beginning, found, end = text.rpartition(mark)
        return [self.texts.number(beginning + found), self.texts.number(end)]

    def _attributes(self, node: NodeProto) -> int:
        """Return all attributes as one text, a line each; graphs and large tensors are named by kind."""
        lines = [f"{shown(each.name)} = {shown(_attribute(each))}" for each in node.attribute]
        return self.texts.number("\n".join(lines) if lines else None)

    def _type(self, value: int) -> int:
        return self.texts.number(known_text(self.findings.stats.types.get(value)))

    def _stored(self, value: int) -> list[int]:
        """Return type and name in two parts; for a small constant -1 and its content instead of a name."""
        graph = self.graph
        producer = graph.producer[value]
        if producer != NONE and graph.nodes[producer].op_type == "Constant":
            attribute = next(iter(graph.nodes[producer].attribute), None)
            if attribute is not None:
                return [self._type(value), -1, self.texts.number(_attribute(attribute))]
        return [self._type_of_stored(value), *self._split(graph.value_names[value])]

    def _type_of_stored(self, value: int) -> int:
        tensor = self.graph.initializers.get(value)
        return self._type(value) if tensor is None else self.texts.number(_tensor_type(tensor))


def _attribute(attribute: AttributeProto) -> str:
    """Return the value of an attribute; the content of a large tensor is not read."""
    if attribute.type in (AttributeProto.GRAPH, AttributeProto.GRAPHS):
        return "graph"
    if attribute.type == AttributeProto.TENSOR and prod(attribute.t.dims) > _SMALL:
        return _tensor_type(attribute.t)
    return attribute_text(attribute)


def _tensor_type(tensor: TensorProto) -> str:
    return type_text(dtype_name(tensor.data_type), tensor.dims)
