"""Which nodes may give something else each time they run, the bodies they own and call included."""

from __future__ import annotations

from rewriter.model.graph import NONE, GraphIndex
from rewriter.model.operators import canonical, counts_apart, since


def drawing_nodes(graph: GraphIndex) -> set[int]:
    """The nodes that draw random numbers or may keep state, in themselves or in a body they own or call.

    A node of an operator that we do not know is one of them; such a node must never run more or less often.
    """
    opsets = {canonical(opset.domain): opset.version for opset in graph.model.opset_import}
    functions = {
        (canonical(body.function.domain), body.function.name): number
        for number, body in enumerate(graph.bodies)
        if body.function is not None
    }
    drawing: set[int] = set()
    bodies: set[int] = set()
    callers: dict[int, list[int]] = {}
    for node, proto in enumerate(graph.nodes):
        domain = canonical(proto.domain)
        called = functions.get((domain, proto.op_type))
        if called is not None:
            callers.setdefault(called, []).append(node)
            continue
        inputs = len(proto.input)
        while inputs and not proto.input[inputs - 1]:
            inputs -= 1
        if counts_apart(proto, domain, since(proto.op_type, domain, opsets.get(domain, 0)), inputs):
            drawing.add(node)
    waiting = list(drawing)
    while waiting:
        body = graph.body_of[waiting.pop()]
        if body in bodies:
            continue
        bodies.add(body)
        owner = graph.bodies[body].owner
        for node in [owner] if owner != NONE else callers.get(body, []):
            if node not in drawing:
                drawing.add(node)
                waiting.append(node)
    return drawing
