"""Which nodes may give something else each time they run, the bodies they own and call included."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set

from onnx import ModelProto, NodeProto

from rewriter.model.graph import NONE, GraphIndex, graphs_of
from rewriter.model.operators import canonical, counts_apart, is_standard, may_count_apart, since


def drawing_nodes(graph: GraphIndex) -> set[int]:
    """The nodes that draw random numbers or may keep state, in themselves or in a body they own or call.

    A node of an operator that we do not know is one of them; such a node must never run more or less often.
    """
    return _with_holders(graph, _drawing(graph))


def drawing_in_order(graph: GraphIndex) -> Iterator[tuple[int, int]]:
    """Pairs of nodes of the main graph whose order counts: which of two equal draws comes first.

    All draws of random numbers stand in one row. Of operators that we do not know only those on the same
    inputs do, since whole models may be made of them.
    """
    drawing = _drawing(graph)
    unknown = _with_holders(graph, drawing)
    random = _with_holders(graph, {node for node in drawing if is_standard(graph.nodes[node].domain)})
    last: dict[object, int] = {}
    for node in sorted(unknown):
        if graph.body_of[node] == 0:
            proto = graph.nodes[node]
            row = None if node in random else (proto.domain, proto.op_type, tuple(proto.input))
            if row in last:
                yield last[row], node
            last[row] = node


def may_draw(model: ModelProto) -> bool:
    """Whether any node may give something else each time it runs; what we do not know may.

    Cheaper than `drawing_nodes`, and no less careful: a node in a function or body that never runs counts.
    """
    called = {(canonical(function.domain), function.name) for function in model.functions}
    waiting = [model.graph.node, *(function.node for function in model.functions)]
    while waiting:
        for node in waiting.pop():
            if may_count_apart(node) and (canonical(node.domain), node.op_type) not in called:
                return True
            waiting += (graph.node for attribute in node.attribute for graph in graphs_of(attribute))
    return False


def draws_random(node: NodeProto, opsets: Mapping[str, int], functions: Set[tuple[str, str]]) -> bool:
    """Whether a node draws random numbers, in itself or in a body.

    Args:
        node: the node.
        opsets: domain, canonical -> version.
        functions: (domain, name) of those that are known to draw.
    """
    return (
        (node.domain, node.op_type) in functions
        or (is_standard(node.domain) and _apart(node, opsets))
        or any(
            draws_random(inner, opsets, functions)
            for attribute in node.attribute
            for graph in graphs_of(attribute)
            for inner in graph.node
        )
    )


def _drawing(graph: GraphIndex) -> set[int]:
    """The nodes that do so themselves, wherever they stand."""
    opsets = {canonical(opset.domain): opset.version for opset in graph.model.opset_import}
    called = _functions(graph)
    return {
        node
        for node, proto in enumerate(graph.nodes)
        if (canonical(proto.domain), proto.op_type) not in called and _apart(proto, opsets)
    }


def _apart(node: NodeProto, opsets: Mapping[str, int]) -> bool:
    domain = canonical(node.domain)
    inputs = len(node.input)
    while inputs and not node.input[inputs - 1]:
        inputs -= 1
    return counts_apart(node, domain, since(node.op_type, domain, opsets.get(domain, 0)), inputs)


def _with_holders(graph: GraphIndex, nodes: set[int]) -> set[int]:
    """Nodes, those that own a body with one of them, and those that call a function with one."""
    functions = _functions(graph)
    callers: dict[int, list[int]] = {}
    for node, proto in enumerate(graph.nodes):
        called = functions.get((canonical(proto.domain), proto.op_type))
        if called is not None:
            callers.setdefault(called, []).append(node)
    found = set(nodes)
    bodies: set[int] = set()
    waiting = list(nodes)
    while waiting:
        body = graph.body_of[waiting.pop()]
        if body in bodies:
            continue
        bodies.add(body)
        owner = graph.bodies[body].owner
        for node in [owner] if owner != NONE else callers.get(body, []):
            if node not in found:
                found.add(node)
                waiting.append(node)
    return found


def _functions(graph: GraphIndex) -> dict[tuple[str, str], int]:
    """Domain and name of a function -> number of its body."""
    return {
        (canonical(body.function.domain), body.function.name): number
        for number, body in enumerate(graph.bodies)
        if body.function is not None
    }
