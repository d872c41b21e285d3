"""Leads values out of bodies of If, Loop and Scan, through new results of the bodies and of their owners.

- Out of a branch of an If: every other branch gives a tensor without elements.
- Last iteration of a Loop: a new carried value that no node of the body reads. It begins as a tensor without
  elements, so a Loop without iterations gives that.
- Last iteration of a Scan: the last one of all iterations. onnxruntime runs no Scan without iterations.
- All iterations, stacked: a new scan output. Runtimes demand one shape in all iterations.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from onnx import (
    AttributeProto,
    GraphProto,
    NodeProto,
    TensorProto,
    TensorShapeProto,
    TypeProto,
    ValueInfoProto,
    helper,
    numpy_helper,
)

from rewriter.edits.taps.named_values import homes
from rewriter.edits.taps.record import RunsShown
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.model.operator_set.body_types import (
    LOOP_INPUTS_BEFORE_STATE,
    LOOP_OUTPUTS_BEFORE_STATE,
    SCAN_OUTPUT_LISTS,
)
from rewriter.model.operator_set.operators import canonical
from rewriter.passes.functions.value_names import UsedNames
from rewriter.refusals import Reason

_SCAN_WITHOUT_BATCHES = 9
"""The first version of Scan without a batch axis."""


def fault_of(graph: GraphIndex, value: int, *, stacked: bool) -> Reason | None:
    """Return the reason why a value cannot leave the bodies around it; None if it can."""
    body = homes(graph)[value]
    branches = False
    while (owner := graph.bodies[body].owner) != NONE:
        node = graph.nodes[owner]
        if reason := _fault_of_owner(graph, node):
            return reason
        if branches and (stacked or node.op_type == "Scan") and node.op_type != "If":
            return Reason.BRANCH_IN_ITERATIONS
        branches = branches or node.op_type == "If"
        body = graph.bodies[body].outer
    return Reason.IN_A_FUNCTION if graph.bodies[body].function is not None else None


def _fault_of_owner(graph: GraphIndex, node: NodeProto) -> Reason | None:
    """Return the reason why the bodies of a node get no further result; None if they can."""
    if canonical(node.domain) or node.op_type not in ("If", "Loop", "Scan"):
        return Reason.OTHER_OWNER
    if node.op_type == "Scan":
        versions = [each.version for each in graph.model.opset_import if not canonical(each.domain)]
        if min(versions, default=0) < _SCAN_WITHOUT_BATCHES:
            return Reason.EARLY_SCAN
    return None


def fault_of_type(graph: GraphIndex, value: int, info: ValueInfoProto, *, stacked: bool) -> Reason | None:
    """Return the reason why a value of a type cannot leave the bodies around it; None if it can."""
    owners = list(_owners(graph, homes(graph)[value]))
    if not owners:
        return None
    if info.type.WhichOneof("value") != "tensor_type":
        return Reason.NO_TENSOR
    empty = {"If"} if stacked else {"If", "Loop"}
    if not info.type.tensor_type.shape.dim and any(node.op_type in empty for node in owners):
        return Reason.SCALAR_IN_BODY
    return None


def _owners(graph: GraphIndex, body: int) -> Iterator[NodeProto]:
    """Yield the nodes whose bodies are around a body, the nearest first."""
    while (owner := graph.bodies[body].owner) != NONE:
        yield graph.nodes[owner]
        body = graph.bodies[body].outer


class BodyOutput:
    """One value on its way out of the bodies around it.

    Attributes:
        made: the names of the values made on the way.
        runs: the runs of each body around the value that the result shows, the nearest first.
        type: the type of the result.
    """

    def __init__(
        self, graph: GraphIndex, value: int, info: ValueInfoProto, taken: UsedNames, *, stacked: bool
    ) -> None:
        self.made: list[str] = []
        self.runs: list[RunsShown] = []
        self.type = TypeProto()
        self.type.CopyFrom(info.type)
        self._graph = graph
        self._value = value
        self._taken = taken
        self._stacked = stacked

    def lead(self, output: str) -> None:
        """Write the nodes and results that make the value available in the main graph as `output`."""
        graph, name = self._graph, self._graph.value_names[self._value]
        body = homes(graph)[self._value]
        while (owner := graph.bodies[body].owner) != NONE:
            outer = graph.bodies[body].outer
            result = output if outer == 0 else self._fresh(output)
            self._leave(graph.nodes[owner], self._proto(body), name, result, self._proto(outer))
            name, body = result, outer
        self.made.append(output)

    def _proto(self, body: int) -> GraphProto:
        proto = self._graph.bodies[body].proto
        assert isinstance(proto, GraphProto)
        return proto

    def _leave(self, owner: NodeProto, body: GraphProto, name: str, result: str, outer: GraphProto) -> None:
        """Make `name`, a value of a body, a result of its owner."""
        inner = self._fresh(result)
        self._name_outputs(owner, result)
        body.node.add(op_type="Identity", input=[name], output=[inner])
        info = helper.make_tensor_value_info(inner, self.type.tensor_type.elem_type, None)
        if owner.op_type == "If":
            self._leave_branch(owner, body, info, result)
        elif self._stacked:
            self._stack(owner, body, info, result)
        elif owner.op_type == "Loop":
            self._carry(owner, body, info, result)
        else:
            self._take_last(owner, body, info, result, outer)

    def _name_outputs(self, owner: NodeProto, result: str) -> None:
        """Name the outputs that the owner leaves out at its end: onnxruntime refuses outputs without a name.

        These names are not among those made for the tap: without them the file would not run after `untap`.
        The proof does not see that a name before a named output is unused, so such an output gets none.
        """
        named = max((place for place, written in enumerate(owner.output) if written), default=-1)
        for place in range(named + 1, len(owner.output)):
            owner.output[place] = self._taken.fresh(f"{result}.unused")

    def _leave_branch(self, owner: NodeProto, body: GraphProto, info: ValueInfoProto, result: str) -> None:
        body.output.append(info)
        owner.output.append(result)
        for attribute in owner.attribute:
            branch = attribute.g
            if attribute.type == AttributeProto.GRAPH and len(branch.output) < len(body.output):
                nothing = self._fresh(f"{result}.nothing")
                branch.node.append(self._empty(nothing))
                branch.output.add(name=nothing).type.CopyFrom(info.type)
        self._shape_is_open()
        self.runs.append("branch")

    def _carry(self, owner: NodeProto, body: GraphProto, info: ValueInfoProto, result: str) -> None:
        states = len(body.input) - LOOP_INPUTS_BEFORE_STATE
        nothing, before = self._fresh(f"{result}.nothing"), self._fresh(f"{result}.before")
        self._graph.model.graph.node.insert(0, self._empty(nothing))
        body.input.add(name=before).type.CopyFrom(info.type)
        body.output.insert(LOOP_OUTPUTS_BEFORE_STATE + states, info)
        owner.input.extend([""] * (LOOP_INPUTS_BEFORE_STATE - len(owner.input)))
        owner.input.append(nothing)
        owner.output.insert(states, result)
        self._shape_is_open()
        self.runs.append("last")

    def _stack(self, owner: NodeProto, body: GraphProto, info: ValueInfoProto, result: str) -> None:
        self._add_stacked(owner, body, info, result)
        self._shape_is_open()
        self.type.tensor_type.shape.dim.insert(0, TensorShapeProto.Dimension())
        self.runs.append("stacked")

    def _take_last(
        self, owner: NodeProto, body: GraphProto, info: ValueInfoProto, result: str, outer: GraphProto
    ) -> None:
        stacked, index = self._fresh(f"{result}.stacked"), self._fresh(f"{result}.index")
        self._add_stacked(owner, body, info, stacked)
        last = numpy_helper.from_array(np.array(-1, np.int64))
        outer.node.append(helper.make_node("Constant", [], [index], value=last))
        outer.node.append(helper.make_node("Gather", [stacked, index], [result], axis=0))
        self._shape_is_open()
        self.runs.append("last")

    @staticmethod
    def _add_stacked(owner: NodeProto, body: GraphProto, info: ValueInfoProto, result: str) -> None:
        """Add a result that stacks all iterations, along its first axis and in their order."""
        body.output.append(info)
        owner.output.append(result)
        for attribute in owner.attribute:
            if attribute.name in SCAN_OUTPUT_LISTS:
                attribute.ints.append(0)

    def _shape_is_open(self) -> None:
        """Forget the sizes of the value: they are those of one run of the body."""
        for dim in self.type.tensor_type.shape.dim:
            dim.Clear()

    def _empty(self, name: str) -> NodeProto:
        """Return a Constant without elements, of the type and rank of the value."""
        tensor = self.type.tensor_type
        content = TensorProto(data_type=tensor.elem_type, dims=[0] * len(tensor.shape.dim))
        return helper.make_node("Constant", [], [name], value=content)

    def _fresh(self, base: str) -> str:
        name = self._taken.fresh(base)
        self.made.append(name)
        return name
