"""Copies the nodes of If, Loop and Scan bodies into the main graph, before the owner of the body.

A module with nodes in a body is cut out of this copy. The copy computes the values of the branch or of the
first iteration, so they can be recorded without changing the result of the owner. Values that the body
captures become inputs of the piece, like all other values that it reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from onnx import (
    GraphProto,
    ModelProto,
    NodeProto,
    SparseTensorProto,
    TensorProto,
    ValueInfoProto,
    helper,
    numpy_helper,
)

from rewriter.cutting.main_graph import MainGraph
from rewriter.errors import CannotCut
from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.model.operator_set.body_types import LOOP_INPUTS_BEFORE_STATE
from rewriter.passes.functions.value_names import UsedNames, rename

Named = TypeVar("Named", TensorProto, ValueInfoProto)


@dataclass(frozen=True)
class Flat:
    """A model with all nodes to be cut in its main graph.

    Attributes:
        main: the main graph.
        place: number of a node in the original model -> its number in this model.
        names: name of a hoisted value -> its name in the body.
        varying: names of values whose shape may change from one iteration to the next.
        copies: the nodes that are copies of body nodes, or compute inputs of bodies for these copies.
        results: the outputs of hoisted bodies, without captures and inputs of the body.
    """

    main: MainGraph
    place: Mapping[int, int]
    names: Mapping[str, str] = field(default_factory=dict)
    varying: frozenset[str] = frozenset()
    copies: frozenset[int] = frozenset()
    results: frozenset[int] = frozenset()


def bodies_around(graph: GraphIndex, nodes: Iterable[int]) -> set[int]:
    """Return the bodies to hoist so that `nodes` are in the main graph.

    Bodies owned by `nodes` stay, and nodes in functions are left out.
    """
    chosen = set(nodes)
    found: set[int] = set()
    for node in chosen:
        if chosen.isdisjoint(graph.enclosing(node)):
            found.update(_bodies_around(graph, node))
    return found


def _bodies_around(graph: GraphIndex, node: int) -> list[int]:
    """Return the graph bodies around a node, innermost first; none for a node in a function."""
    around = []
    body = graph.body_of[node]
    while graph.bodies[body].owner != NONE:
        around.append(body)
        body = graph.bodies[body].outer
    return around if body == 0 else []


def hoist(graph: GraphIndex, bodies: set[int]) -> Flat:
    """Copy bodies into the main graph of a new model; without bodies, keep the model.

    Raises:
        CannotCut: the owner of a body is not If, Loop or Scan, or a Scan has no `num_scan_inputs`.
    """
    if not bodies:
        return Flat(MainGraph(graph), {n: n for n, body in enumerate(graph.body_of) if body == 0})
    return _Hoisting(graph, bodies).run()


class _Hoisting:
    """The state of hoisting bodies in one model."""

    def __init__(self, graph: GraphIndex, bodies: set[int]) -> None:
        self.graph = graph
        self.bodies = bodies
        self.taken = UsedNames(graph.value_names)
        self.names: dict[str, str] = {}
        self.varying: set[str] = set()
        self.nodes: list[NodeProto] = []
        self.origins: list[int] = []
        self.tensors: list[TensorProto] = []
        self.sparse: list[SparseTensorProto] = []
        self.infos: list[ValueInfoProto] = []
        self.results: list[str] = []

    def run(self) -> Flat:
        """Return the model with copies of the bodies in its main graph."""
        self._emit(0, {}, varying=False)
        model = ModelProto()
        model.CopyFrom(self.graph.model)
        del model.graph.node[:]
        model.graph.node.extend(self.nodes)
        model.graph.initializer.extend(self.tensors)
        model.graph.sparse_initializer.extend(self.sparse)
        model.graph.value_info.extend(self.infos)
        graph = GraphIndex(model)
        order = [node for node, body in enumerate(graph.body_of) if body == 0]
        made = (new for old, new in zip(self.origins, order, strict=True) if old == NONE)
        main = MainGraph(graph, frozenset(made))
        place = {old: new for old, new in zip(self.origins, main.nodes, strict=True) if old != NONE}
        copies = frozenset(main.nodes) - {place[old] for old in self.origins if self._is_main(old)}
        results = frozenset(graph.value(name) for name in self.results)
        return Flat(main, place, self.names, frozenset(self.varying), copies, results)

    def _is_main(self, node: int) -> bool:
        return node != NONE and self.graph.body_of[node] == 0

    def _emit(self, body: int, names: Mapping[str, str], *, varying: bool) -> None:
        """Append the nodes of a body under new names, each node after the hoisted nodes of its own bodies."""
        for node in (n for n, b in enumerate(self.graph.body_of) if b == body):
            proto = NodeProto()
            proto.CopyFrom(self.graph.nodes[node])
            rename(proto, names)
            if body:
                proto.ClearField("name")  # other bodies may use the same name; the piece restores it
            for inner in sorted(self.bodies):
                if self.graph.bodies[inner].owner == node:
                    self._open(inner, proto, names, varying=varying)
            self.nodes.append(proto)
            self.origins.append(node)

    def _open(self, body: int, owner: NodeProto, outer: Mapping[str, str], *, varying: bool) -> None:
        graph = self.graph.bodies[body].proto
        assert isinstance(graph, GraphProto)
        varying = varying or owner.op_type == "Loop"
        bound = self._bound(graph, owner)
        names = {**outer, **bound}
        self.varying.update(bound.values() if varying else ())
        defined = [tensor.name for tensor in graph.initializer]
        defined += [sparse.values.name for sparse in graph.sparse_initializer]
        defined += [name for node in graph.node for name in node.output if name]
        for name in defined:
            names[name] = self.taken.fresh(f"{name}_first")
            self.names[names[name]] = name
            if varying:
                self.varying.add(names[name])
        for tensor in graph.initializer:
            self.tensors.append(_renamed(tensor, names[tensor.name]))
        for sparse in graph.sparse_initializer:
            values = _renamed(sparse.values, names[sparse.values.name])
            self.sparse.append(SparseTensorProto(values=values, indices=sparse.indices, dims=sparse.dims))
        for info in (*graph.input, *graph.value_info, *graph.output):
            if info.name in names and info.type.WhichOneof("value"):
                self.infos.append(_renamed(info, names[info.name]))
        self.results += [names[info.name] for info in graph.output if info.name in defined]
        self._emit(body, names, varying=varying)

    def _bound(self, graph: GraphProto, owner: NodeProto) -> dict[str, str]:
        """Return input of a body -> new name of its value in the first iteration.

        Each input gets a new value, even if it equals a value that the body also captures: the piece needs
        them as two inputs.
        """
        inputs = [info.name for info in graph.input]
        if owner.op_type == "If":
            return {}
        if owner.op_type == "Loop":
            return self._bound_loop(inputs, owner)
        attributes = {attribute.name: attribute for attribute in owner.attribute}
        if owner.op_type != "Scan" or "num_scan_inputs" not in attributes:
            raise CannotCut(
                f"its nodes are in a body of {owner.name or owner.op_type!r}, and only bodies of If, Loop "
                "and Scan can be cut; choose the module that owns that node"
            )
        lists = {name: list(each.ints) for name, each in attributes.items()}
        return self._bound_scan(inputs, owner, lists, attributes["num_scan_inputs"].i)

    def _bound_loop(self, inputs: list[str], owner: NodeProto) -> dict[str, str]:
        given = owner.input[1] if len(owner.input) > 1 else ""
        bound = {name: self._constant(name, np.array(0, np.int64)) for name in inputs[:1]}
        for name in inputs[1:LOOP_INPUTS_BEFORE_STATE]:
            bound[name] = self._identity(name, given) if given else self._constant(name, np.array(True))
        states = inputs[LOOP_INPUTS_BEFORE_STATE:]
        for name, first in zip(states, owner.input[LOOP_INPUTS_BEFORE_STATE:], strict=False):
            bound[name] = self._identity(name, first)
        return bound

    def _bound_scan(
        self, inputs: list[str], owner: NodeProto, lists: Mapping[str, list[int]], scanned: int
    ) -> dict[str, str]:
        states = len(inputs) - scanned
        given = list(owner.input)
        bound = {
            name: self._identity(name, first) for name, first in zip(inputs[:states], given, strict=False)
        }
        axes, reverse = lists.get("scan_input_axes", []), lists.get("scan_input_directions", [])
        for number, name in enumerate(inputs[states:]):
            first = -1 if number < len(reverse) and reverse[number] else 0
            index = self._constant(f"{name}_index", np.array(first, np.int64))
            axis = axes[number] if number < len(axes) else 0
            bound[name] = self._made(name, "Gather", [given[states + number], index], axis=axis)
        return bound

    def _identity(self, name: str, first: str) -> str:
        return self._made(name, "Identity", [first])

    def _constant(self, name: str, content: np.ndarray[Any, Any]) -> str:
        return self._made(name, "Constant", [], value=numpy_helper.from_array(content))

    def _made(self, name: str, operator: str, inputs: list[str], **attributes: Any) -> str:
        """Append a node that computes a body input in the first iteration; return the name of its output."""
        out = self.taken.fresh(f"{name}_first")
        self.names[out] = name
        self.nodes.append(helper.make_node(operator, inputs, [out], **attributes))
        self.origins.append(NONE)
        return out


def _renamed(message: Named, name: str) -> Named:
    copy = type(message)()
    copy.CopyFrom(message)
    copy.name = name
    return copy
