"""Keeps nodes outside functions if stated types of their values affect a Loop or Scan.

A Loop without iterations outputs tensors of the shape of its body's result, declared or inferred. A Scan runs
only if that shape has a rank (onnxruntime 1.23 to 1.32). The inference uses the `value_info` of the main
graph, while runtimes ignore that of functions. So a Loop or Scan that depends on a value of stated type stays
in the main graph, with all nodes between that value and the Loop or Scan, unless its bodies declare these
shapes fully. The certificate requires the same, since it is unknown what each runtime would infer without the
stated types.
"""

from __future__ import annotations

from collections.abc import Mapping

from onnx import NodeProto

from rewriter.model.index.graph import NONE, GraphIndex, graphs_of
from rewriter.model.operator_set.body_types import has_scan_outputs, leaves_shapes_open
from rewriter.model.operator_set.operators import canonical
from rewriter.refusals import Reason, Refusal
from rewriter.regions.region_tree import Regions, holders_in_main, keep_outside, main_reads


def lift_counting(graph: GraphIndex, regions: Regions) -> list[Refusal]:
    """Move out of all regions the nodes that need stated types, in place; return a refusal for each move."""
    owners = _owners(graph)
    if not owners or not graph.model.graph.value_info:
        return []
    return keep_outside(graph, regions, _between(graph, owners), Reason.STATED_TYPE)


def _owners(graph: GraphIndex) -> list[int]:
    """Return the main-graph nodes that are, hold or call a Loop or Scan with incompletely declared types."""
    held = {body.owner for body in graph.bodies} - {NONE}
    return sorted(holders_in_main(graph, (node for node in held if _is_open(graph.nodes[node]))))


def _is_open(node: NodeProto) -> bool:
    """Whether a node is a Loop or Scan whose results may depend on inferred types."""
    bodies = (body for attribute in node.attribute for body in graphs_of(attribute))
    return has_scan_outputs(node.op_type, canonical(node.domain)) and leaves_shapes_open(node, bodies)


def _between(graph: GraphIndex, owners: list[int]) -> set[int]:
    """Return the owners that depend on values of stated type, and the nodes between these values and them."""
    reads = main_reads(graph)
    hanging = _hanging(graph, reads)
    found = {node for node in owners if not hanging.isdisjoint(reads[node])}
    waiting = list(found)
    while waiting:
        for value in reads[waiting.pop()]:
            maker = graph.producer[value]
            if value in hanging and maker not in found and not hanging.isdisjoint(reads.get(maker, ())):
                found.add(maker)
                waiting.append(maker)
    return found


def _hanging(graph: GraphIndex, reads: Mapping[int, list[int]]) -> set[int]:
    """Return the computed values whose type is stated, and all values that depend on them."""
    main = graph.bodies[0].values
    stated = (main.get(info.name, NONE) for info in graph.model.graph.value_info)
    found = {value for value in stated if value != NONE and graph.producer[value] != NONE}
    for node, values in reads.items():
        if not found.isdisjoint(values):
            found.update(value for value in graph.writes[node] if value != NONE)
    return found
