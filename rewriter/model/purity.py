"""Which nodes may give something else each time they run, the bodies they own and call included."""

from __future__ import annotations

from collections.abc import Iterator

from rewriter.model.graph import NONE, GraphIndex
from rewriter.model.operators import canonical, counts_apart, is_standard, since


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


def _drawing(graph: GraphIndex) -> set[int]:
    """The nodes that do so themselves, wherever they stand."""
    opsets = {canonical(opset.domain): opset.version for opset in graph.model.opset_import}
    called = _functions(graph)
    drawing = set()
    for node, proto in enumerate(graph.nodes):
        domain = canonical(proto.domain)
        if (domain, proto.op_type) in called:
            continue
        inputs = len(proto.input)
        while inputs and not proto.input[inputs - 1]:
            inputs -= 1
        if counts_apart(proto, domain, since(proto.op_type, domain, opsets.get(domain, 0)), inputs):
            drawing.add(node)
    return drawing


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
