"""Functions of a model, and the nodes that call them.

A call finds a function by domain, name and overload (ONNX IR specification, "Functions").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from onnx import FunctionProto, NodeProto

from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.model.index.index_cache import once_per_index
from rewriter.model.operator_set.operators import canonical, versions_of

Identity = tuple[str, str, str]
"""Domain, name and overload of a function."""


def identity_of(function: FunctionProto) -> Identity:
    """Return the names by which a call finds a function."""
    return canonical(function.domain), function.name, function.overload


def called_by(node: NodeProto) -> Identity:
    """Return the identity of the function that a node would call, if the model has such a function."""
    return canonical(node.domain), node.op_type, node.overload


@once_per_index
def calls_of(graph: GraphIndex) -> Mapping[int, int]:
    """Map each node that calls a function of the model to the number of that function's body."""
    bodies = {
        identity_of(body.function): number
        for number, body in enumerate(graph.bodies)
        if body.function is not None
    }
    names = {identity[:2] for identity in bodies}
    calling = {(domain, name) for domain, name in set(graph.operators) if (canonical(domain), name) in names}
    found = {}
    for node, operator in enumerate(graph.operators) if calling else ():
        if operator in calling and (body := bodies.get(called_by(graph.nodes[node]), NONE)) != NONE:
            found[node] = body
    return found


def holders_of(graph: GraphIndex, nodes: Iterable[int]) -> set[int]:
    """Return the nodes, the owners of bodies with them, and calls of functions with them, at any depth."""
    callers: dict[int, list[int]] = {}
    for node, body in calls_of(graph).items():
        callers.setdefault(body, []).append(node)
    found = set(nodes)
    bodies: set[int] = set()
    waiting = list(found)
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


@once_per_index
def opsets_of(graph: GraphIndex) -> Sequence[Mapping[str, int]]:
    """Return body -> canonical domain -> version, by the imports of the model or function around the body."""
    main = versions_of(graph.model.opset_import)
    functions = {
        number: versions_of(body.function.opset_import)
        for number, body in enumerate(graph.bodies)
        if body.function is not None
    }
    return [functions.get(root, main) for root in body_roots(graph)]


def body_roots(graph: GraphIndex) -> list[int]:
    """Return, for each body, the main graph or function that contains it, as the number of that body."""
    roots: list[int] = []
    for number, body in enumerate(graph.bodies):
        roots.append(number if body.outer == NONE else roots[body.outer])
    return roots
