"""Keeps nodes outside functions if stated types of their values affect a Loop or Scan.

A Loop without iterations outputs tensors of the shape of its body's result, declared or inferred. A Scan runs
only if that shape has a rank (onnxruntime 1.23 to 1.32). The inference uses the `value_info` of the main
graph, while runtimes ignore that of functions. So a Loop or Scan that depends on a value of stated type stays
in the main graph, with all nodes between that value and the Loop or Scan, unless its bodies declare these
shapes fully. The certificate requires the same, since it is unknown what each runtime would infer without the
stated types. The same holds in a graph body, for the types that it and the bodies around it state. If such a
Loop or Scan depends on a result of the body, or the body is its own, the nodes between values of stated type
and that result stay outside of functions too.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from onnx import GraphProto, NodeProto

from rewriter.model.index.functions import calls_of, holders_of
from rewriter.model.index.graph import NONE, GraphIndex, graphs_of
from rewriter.model.operator_set.body_types import has_scan_outputs, leaves_shapes_open
from rewriter.model.operator_set.operators import canonical
from rewriter.refusals import Reason, Refusal
from rewriter.regions.region_tree import Regions, holders_in_main, keep_outside, main_reads


def lift_counting(
    graph: GraphIndex, regions: Regions, captured: Collection[int] = (), results: Collection[int] = ()
) -> list[Refusal]:
    """Move out of all regions the nodes that need stated types, in place; return a refusal for each move.

    Args:
        graph: an index whose main graph is the body.
        regions: its regions.
        captured: the captured values that may depend on values of stated type.
        results: the results of the body in `counted_values`.
    """
    owners = _owners(graph)
    if not owners and not results:
        return []
    return keep_outside(graph, regions, _between(graph, owners, captured, results), Reason.STATED_TYPE)


def counted_values(graph: GraphIndex) -> set[int]:
    """Return the values on which a Loop or Scan with incompletely declared types depends.

    The results of its bodies count too.
    """
    bodies: dict[int, list[int]] = {}
    formals: dict[int, int] = {}
    for number, body in enumerate(graph.bodies):
        if isinstance(body.proto, GraphProto) and body.owner != NONE:
            bodies.setdefault(body.owner, []).append(number)
            formals.update((body.values[info.name], body.owner) for info in body.proto.input)
    calls = calls_of(graph)
    opened = {node for node in bodies if is_open(graph.nodes[node])}
    waiting = [node for node in holders_of(graph, opened) if node in opened or node in calls]
    seen = set(waiting)
    found: set[int] = set()
    while waiting:
        node = waiting.pop()
        results = (value for number in bodies.get(node, ()) for value in graph.bodies[number].results)
        found.update(values := {*graph.reads[node], *results} - {NONE})
        makers = {formals.get(value, graph.producer[value]) for value in values} - {NONE} - seen
        seen |= makers
        waiting += makers
    return found


def _owners(graph: GraphIndex) -> list[int]:
    """Return the main-graph nodes that are, hold or call a Loop or Scan with incompletely declared types."""
    held = {body.owner for body in graph.bodies} - {NONE}
    return sorted(holders_in_main(graph, (node for node in held if is_open(graph.nodes[node]))))


def is_open(node: NodeProto) -> bool:
    """Whether a node is a Loop or Scan whose results may depend on inferred types."""
    bodies = (body for attribute in node.attribute for body in graphs_of(attribute))
    return has_scan_outputs(node.op_type, canonical(node.domain)) and leaves_shapes_open(node, bodies)


def _between(
    graph: GraphIndex, owners: Collection[int], captured: Collection[int], results: Collection[int]
) -> set[int]:
    """Return the nodes between values of stated type and owners or results, and these owners."""
    reads = main_reads(graph)
    hanging = _hanging(graph, reads, captured)
    ends = {*owners, *(graph.producer[value] for value in results)} - {NONE}
    found = {node for node in ends if not hanging.isdisjoint(reads[node])}
    waiting = list(found)
    while waiting:
        for value in reads[waiting.pop()]:
            maker = graph.producer[value]
            if value in hanging and maker not in found and not hanging.isdisjoint(reads.get(maker, ())):
                found.add(maker)
                waiting.append(maker)
    return found


def _hanging(graph: GraphIndex, reads: Mapping[int, list[int]], captured: Collection[int]) -> set[int]:
    """Return `captured`, the computed values whose type is stated, and all values that depend on them."""
    main = graph.bodies[0].values
    infos = (*graph.model.graph.value_info, *graph.model.graph.output)
    stated = (main.get(info.name, NONE) for info in infos)
    found = {*captured, *(value for value in stated if value != NONE and graph.producer[value] != NONE)}
    for node, values in reads.items():
        if not found.isdisjoint(values):
            found.update(value for value in graph.writes[node] if value != NONE)
    return found
