"""Removes results of If, Loop and Scan that nothing reads: they change no other result.

- Of an If: the result of every branch at the same position.
- Of a Loop or Scan: a scan output; or a carried value, if only the value itself depends on it.

Nodes of bodies that then compute nothing are removed too, since they may read results of other nodes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from onnx import AttributeProto, GraphProto, ModelProto, NodeProto

from rewriter.model.index.backward_slice import names_read, nodes_needed
from rewriter.model.index.functions import called_by, identity_of
from rewriter.model.operator_set.body_types import (
    LOOP_INPUTS_BEFORE_STATE,
    LOOP_OUTPUTS_BEFORE_STATE,
    SCAN_OUTPUT_LISTS,
)
from rewriter.model.operator_set.operators import canonical


def remove_unread_results(model: ModelProto) -> None:
    """Remove unread results from the nodes of the main graph and of its graph bodies, in place."""
    functions = {identity_of(function) for function in model.functions}
    _clean(model.graph, functions)


def _clean(graph: GraphProto, functions: set[Any]) -> None:
    readers = Counter(name for node in graph.node for name in names_read([node]))
    readers.update(info.name for info in graph.output)
    for node in reversed(graph.node):
        bodies = [each.g for each in node.attribute if each.type == AttributeProto.GRAPH]
        before = names_read([node]) if bodies else set[str]()
        if bodies and called_by(node) not in functions and not canonical(node.domain):
            for position in reversed(range(len(node.output))):
                if not readers[node.output[position]]:
                    _remove(node, bodies, position)
        for body in bodies:
            needed = nodes_needed(body, [info.name for info in body.output])
            _keep_only(body.node, needed)
            _clean(body, functions)
        readers.subtract(before - names_read([node]) if bodies else ())


def _remove(node: NodeProto, bodies: Sequence[GraphProto], position: int) -> None:
    """Remove the result at a position, if that changes no other result."""
    if node.op_type == "If" and all(len(body.output) == len(node.output) for body in bodies):
        for body in bodies:
            del body.output[position]
        del node.output[position]
        return
    if node.op_type not in ("Loop", "Scan") or len(bodies) != 1:
        return
    body, is_loop = bodies[0], node.op_type == "Loop"
    first = LOOP_OUTPUTS_BEFORE_STATE if is_loop else 0
    if len(body.output) != len(node.output) + first:
        return
    states = len(body.input) - LOOP_INPUTS_BEFORE_STATE if is_loop else _states_of_scan(node, body)
    if position >= states:
        lists = [each.ints for each in node.attribute if each.name in SCAN_OUTPUT_LISTS]
        if all(len(each) == len(node.output) - states for each in lists):
            for each in lists:
                del each[position - states]
            del body.output[first + position]
            del node.output[position]
    elif is_loop and not _is_used(body, first + position, LOOP_INPUTS_BEFORE_STATE + position):
        del body.output[first + position]
        del body.input[LOOP_INPUTS_BEFORE_STATE + position]
        del node.input[LOOP_INPUTS_BEFORE_STATE + position]
        del node.output[position]


def _is_used(body: GraphProto, result: int, given: int) -> bool:
    """Whether other results of a body depend on one of its inputs, or it is the result at that position."""
    name = body.input[given].name
    others = [info.name for number, info in enumerate(body.output) if number != result]
    nodes = [body.node[number] for number in nodes_needed(body, others)]
    return name in names_read(nodes).union(others)


def _states_of_scan(node: NodeProto, body: GraphProto) -> int:
    scanned = next((each.i for each in node.attribute if each.name == "num_scan_inputs"), len(body.input))
    return len(body.input) - scanned


def _keep_only(nodes: Any, kept: Iterable[int]) -> None:
    numbers = set(kept)
    for number in reversed(range(len(nodes))):
        if number not in numbers:
            del nodes[number]
