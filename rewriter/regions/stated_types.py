"""Types that a file states and that count when it runs: those in front of a Loop or Scan.

A Loop of no rounds gives out tensors of the shape of its body's result, as declared or inferred; a Scan runs
only where that has a rank (onnxruntime 1.23 to 1.32). What is inferred hangs on the `value_info` of the main
graph, and runtimes read none of functions. So the values before a Loop whose types are stated stay in the
main graph: with the Loop, all nodes stand there that lie between it and such a value. The certificate asks
for no less, since nobody knows what each runtime would infer without the statement.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from onnx import AttributeProto, GraphProto, NodeProto, TypeProto, ValueInfoProto

from rewriter.model.graph import NONE, GraphIndex, graphs_of
from rewriter.model.operators import canonical
from rewriter.refusals import Reason, Refusal
from rewriter.regions.calls import Regions, main_node, main_reads, name_of

_MADE_BY_LOOP = 2
"""Inputs of a Loop's body that the Loop makes: the round and the condition."""


def lift_counting(graph: GraphIndex, regions: Regions) -> list[Refusal]:
    """Move nodes for which stated types count out of all regions, in place; what moved."""
    owners = [node for node in _owners(graph) if regions.region_of[node]]
    if not owners or not graph.model.graph.value_info:
        return []
    refusals = []
    for node in sorted(_between(graph, owners)):
        if (module := regions.keep_outside(node)) is not None:
            refusals.append(Refusal(module, Reason.STATED_TYPE, name_of(graph, node)))
    return refusals


def _owners(graph: GraphIndex) -> list[int]:
    """The nodes of the main graph that are, hold or call a Loop or Scan with results of undeclared shape."""
    functions = {
        (canonical(body.function.domain), body.function.name): number
        for number, body in enumerate(graph.bodies)
        if body.function is not None
    }
    callers: dict[int, list[int]] = {}
    for node, (domain, op_type) in enumerate(graph.operators) if functions else ():
        if (called := functions.get((canonical(domain), op_type))) is not None:
            callers.setdefault(called, []).append(node)
    held = {body.owner for body in graph.bodies} - {NONE}
    waiting = [node for node in held if _is_open(graph.nodes[node])]
    found: set[int] = set()
    seen: set[int] = set()
    while waiting:
        node = main_node(graph, waiting.pop())
        body = graph.body_of[node]
        if body == 0:
            found.add(node)
        elif body not in seen:
            seen.add(body)
            waiting += callers.get(body, [])
    return sorted(found)


def _is_open(node: NodeProto) -> bool:
    """Whether it hangs on inference what a Loop or Scan gives out."""
    if canonical(node.domain) or node.op_type not in ("Loop", "Scan"):
        return False
    bodies = (body for attribute in node.attribute for body in _bodies(attribute))
    return any(not _is_whole(info.type) for body in bodies for info in _deciding(node, body))


def _bodies(attribute: AttributeProto) -> Iterator[GraphProto]:
    return graphs_of(attribute) if attribute.name == "body" else iter(())


def _deciding(node: NodeProto, body: GraphProto) -> list[ValueInfoProto]:
    """What of a body decides on the shape of results; what is carried has the shape of what comes in."""
    if node.op_type == "Loop":
        carried = max(len(body.input) - _MADE_BY_LOOP, 0)
        return [*body.input[:_MADE_BY_LOOP], *body.output[1 + carried :]]
    scanned = next((each.i for each in node.attribute if each.name == "num_scan_inputs"), len(body.input))
    return list(body.output[max(len(body.input) - scanned, 0) :])


def _is_whole(type_: TypeProto) -> bool:
    tensor = type_.tensor_type
    return tensor.HasField("shape") and all(dim.HasField("dim_value") for dim in tensor.shape.dim)


def _between(graph: GraphIndex, owners: list[int]) -> set[int]:
    """Owners that hang on values of stated type, and the nodes in between."""
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
    """The values that nodes make and whose type is stated, and all that hang on them."""
    main = graph.bodies[0].values
    stated = (main.get(info.name, NONE) for info in graph.model.graph.value_info)
    found = {value for value in stated if value != NONE and graph.producer[value] != NONE}
    for node, values in reads.items():
        if not found.isdisjoint(values):
            found.update(value for value in graph.writes[node] if value != NONE)
    return found
