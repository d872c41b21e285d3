"""Changes a model so that it returns values inside bodies of If, Loop and Scan, from every iteration.

Each requested value becomes two outputs of the main graph, both one-dimensional: its elements, and its forms.
A form is its rank, the number of the iteration in each Loop and Scan around it, and its shape. Before:

    y = Loop(n, c, x) <body = (i, k, a) => (k2, b) { b = Tanh(a) }>

After, with the value `b` requested (its forms are carried in the same way):

    y, elements = Loop(n, c, x, empty) <
      body = (i, k, a, before) => (k2, b, after) {
        b = Tanh(a)
        flat = Reshape(b, -1)
        after = Concat(before, flat)
      }>

From opset 13 on the Loop carries a sequence instead, which is concatenated after it. A branch that does not
have the value returns the empty tensor. A Scan stacks the elements of all iterations, so there the number of
elements has to be the same in all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import GraphProto, NodeProto, TensorProto, helper, numpy_helper

from rewriter.model.index.graph import GraphIndex, graphs_of
from rewriter.model.operator_set.body_types import LOOP_INPUTS_BEFORE_STATE
from rewriter.runtime.inputs.feeds import Array
from rewriter.runtime.recording.body_names import bodies_around
from rewriter.runtime.recording.recordable import opset_of

_SEQUENCE_OPSET = 13
"""Least version in which a Loop can carry a sequence; a tensor that grows is copied in every iteration."""


class BodyRecorder:
    """Editor of one model; it changes the model that the index shows.

    Args:
        graph: the index of the model.
    """

    def __init__(self, graph: GraphIndex) -> None:
        self.graph = graph
        self.main: GraphProto = graph.model.graph
        taken = [name for name in graph.value_names if isinstance(name, str)]
        self.prefix = "recorded"
        while any(name.startswith(self.prefix) for name in taken):
            self.prefix += "_"
        self.count = 0
        self.held: dict[str, str] = {}
        self.counters: dict[int, str] = {}

    def record(self, value: int, body: int, kind: int, *, elements: bool) -> list[str]:
        """Return the outputs of the main graph that hold the forms of a value and, if wanted, its elements.

        Args:
            value: the value.
            body: its body.
            kind: the type of its elements.
            elements: whether its elements are recorded, not its forms alone.
        """
        name = self.graph.value_names[value]
        inner = self._proto(body)
        shape = self._node(inner, "Shape", [name])
        rank = self._node(inner, "Shape", [shape])
        counters = [each for each in map(self._counter, bodies_around(self.graph, body)) if each]
        forms = self._node(inner, "Concat", [rank, *counters, shape], axis=0)
        found = [self._lifted(forms, body, TensorProto.INT64)]
        if elements:
            flat = self._node(inner, "Reshape", [name, self._constant(np.array([-1]))])
            found.append(self._lifted(flat, body, kind))
        return found

    def _lifted(self, name: str, body: int, kind: int) -> str:
        """Return the value of the main graph that collects a one-dimensional value of a body."""
        for inner in reversed(bodies_around(self.graph, body)):
            owner = self.graph.bodies[inner].owner
            name = self._out_of(name, inner, self.graph.nodes[owner], kind)
        return name

    def _out_of(self, name: str, inner: int, owner: NodeProto, kind: int) -> str:
        graph, outer = self._proto(inner), self._proto(self.graph.bodies[inner].outer)
        match owner.op_type:
            case "If":
                return self._out_of_branch(name, graph, owner, kind)
            case "Loop":
                return self._out_of_loop(name, graph, owner, outer, kind)
        _pad(owner.output, len(graph.output))
        graph.output.append(_typed(name, kind))
        for axis in ("scan_output_axes", "scan_output_directions"):
            for attribute in owner.attribute:
                if attribute.name == axis:
                    attribute.ints.append(0)
        owner.output.append(self._fresh())
        return self._node(outer, "Reshape", [owner.output[-1], self._constant(np.array([-1]))])

    def _out_of_branch(self, name: str, graph: GraphProto, owner: NodeProto, kind: int) -> str:
        for branch in (each for attribute in owner.attribute for each in graphs_of(attribute)):
            there = name if branch is graph else self._node(branch, "Identity", [self._empty(kind)])
            branch.output.append(_typed(there, kind))
        owner.output.append(self._fresh())
        return owner.output[-1]

    def _out_of_loop(
        self, name: str, graph: GraphProto, owner: NodeProto, outer: GraphProto, kind: int
    ) -> str:
        before, after, empty = self._fresh(), self._fresh(), self._empty(kind)
        if opset_of(self.graph) < _SEQUENCE_OPSET:
            graph.node.append(helper.make_node("Concat", [before, name], [after], axis=0))
            return self._carried(graph, owner, _typed(before, kind), _typed(after, kind), empty)
        graph.node.append(helper.make_node("SequenceInsert", [before, name], [after]))
        first = self._fresh()
        outer.node.insert(0, helper.make_node("SequenceConstruct", [empty], [first]))
        found = self._carried(graph, owner, _sequence(before, kind), _sequence(after, kind), first)
        return self._node(outer, "ConcatFromSequence", [found], axis=0)

    def _carried(
        self,
        graph: GraphProto,
        owner: NodeProto,
        before: onnx.ValueInfoProto,
        after: onnx.ValueInfoProto,
        first: str,
    ) -> str:
        """Add a state to a Loop: `before` and `after` an iteration, and its first value; return the last."""
        states = len(graph.input) - LOOP_INPUTS_BEFORE_STATE
        graph.input.append(before)
        graph.output.insert(states + 1, after)
        _pad(owner.input, LOOP_INPUTS_BEFORE_STATE)
        owner.input.append(first)
        found = self._fresh()
        _pad(owner.output, states)
        owner.output.insert(states, found)
        return found

    def _counter(self, body: int) -> str:
        """Return the value with the number of the iteration of a body, of shape (1,); '' for a branch."""
        owner = self.graph.nodes[self.graph.bodies[body].owner]
        if owner.op_type == "If":
            return ""
        if body not in self.counters:
            graph = self._proto(body)
            if owner.op_type == "Loop":
                made = self._fresh()
                one = self._constant(np.array([1]))
                graph.node.insert(0, helper.make_node("Reshape", [graph.input[0].name, one], [made]))
            else:
                made = self._count_scan(graph, owner)
            self.counters[body] = made
        return self.counters[body]

    def _count_scan(self, graph: GraphProto, owner: NodeProto) -> str:
        """Add a state variable that counts the iterations of a Scan."""
        scanned = next(each.i for each in owner.attribute if each.name == "num_scan_inputs")
        states = len(graph.input) - scanned
        made = self._fresh()
        graph.input.insert(states, helper.make_tensor_value_info(made, TensorProto.INT64, [1]))
        more = self._node(graph, "Add", [made, self._constant(np.array([1]))])
        graph.output.insert(states, helper.make_tensor_value_info(more, TensorProto.INT64, [1]))
        owner.input.insert(states, self._constant(np.array([0])))
        _pad(owner.output, states)
        owner.output.insert(states, self._fresh())
        return made

    def _proto(self, body: int) -> GraphProto:
        proto = self.graph.bodies[body].proto
        assert isinstance(proto, GraphProto)
        return proto

    def _fresh(self) -> str:
        self.count += 1
        return f"{self.prefix} {self.count}"

    def _node(self, graph: GraphProto, operator: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Append a node; return its output."""
        made = self._fresh()
        graph.node.append(helper.make_node(operator, inputs, [made], **attributes))
        return made

    def _empty(self, kind: int) -> str:
        return self._constant(np.empty(0, helper.tensor_dtype_to_np_dtype(kind)))

    def _constant(self, array: Array) -> str:
        """Return an initializer of the main graph; bodies capture it."""
        key = f"{array.dtype} {array.tolist()}"
        if key not in self.held:
            self.held[key] = self._fresh()
            self.main.initializer.append(numpy_helper.from_array(array, self.held[key]))
        return self.held[key]


def _typed(name: str, kind: int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, [None])


def _sequence(name: str, kind: int) -> onnx.ValueInfoProto:
    return helper.make_tensor_sequence_value_info(name, kind, None)


def _pad(names: Any, count: int) -> None:
    """Add omitted entries until there are at least `count`."""
    names.extend([""] * (count - len(names)))
