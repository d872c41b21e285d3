"""Finds nodes that may give different results each time they run, by themselves or by bodies and calls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from functools import lru_cache

import onnx
from onnx import FunctionProto, ModelProto, NodeProto

from rewriter.model.index.functions import called_by, calls_of, holders_of, identity_of, opsets_of
from rewriter.model.index.graph import GraphIndex, graphs_of
from rewriter.model.operator_set.operators import (
    canonical,
    is_set,
    is_standard,
    may_hold_graphs,
    schema_of,
    since,
    versions_of,
)

RANDOM = frozenset(
    {"RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike", "Multinomial", "Bernoulli"}
)
_DROPOUT_WITHOUT_IS_TEST = 7
"""The opset from which Dropout has no attribute `is_test`."""


def counts_apart(node: NodeProto, domain: str, version: int, inputs: int) -> bool:
    """Whether a node may compute other results than an equal node: it draws random numbers or may keep state.

    Args:
        node: the node.
        domain: its domain, canonical.
        version: the result of `since`.
        inputs: the number of its inputs, without omitted ones at the end.
    """
    if not may_count_apart(node.op_type, domain, version):
        return False
    if not is_standard(domain) or version <= 0:
        return True  # the file does not tell whether an unknown operator keeps state
    if node.op_type == "Dropout" and version < _DROPOUT_WITHOUT_IS_TEST:
        return not is_set(node, "is_test")
    return node.op_type != "Dropout" or inputs > 2


def may_count_apart(op_type: str, domain: str, version: int) -> bool:
    """Whether `counts_apart` may hold for a node of an operator."""
    return not is_standard(domain) or version <= 0 or op_type == "Dropout" or _draws(op_type, domain, version)


@lru_cache(maxsize=4096)
def _draws(op_type: str, domain: str, version: int) -> bool:
    return op_type in RANDOM or flagged_random(op_type, domain, version)


def flagged_random(op_type: str, domain: str, version: int) -> bool:
    """Whether the installed onnx marks an operator as non-deterministic; old versions of onnx mark none.

    onnx also marks operators with graph attributes and operators that it defines by a function. The first are
    as random as their bodies, so the answer is False; the second are as random as the nodes of that function.
    """
    schema = schema_of(op_type, domain, abs(version))
    flag = getattr(schema, "node_determinism", None)
    if flag is None or flag != onnx.defs.OpSchema.NodeDeterminism.NonDeterministic:
        return False
    if may_hold_graphs(op_type, domain, version):
        return False
    if not schema.has_function:
        return True
    return any(_draws(node.op_type, canonical(node.domain), version) for node in schema.function_body.node)


def drawing_nodes(graph: GraphIndex) -> set[int]:
    """Return the nodes that draw random numbers or may keep state, themselves or in bodies they own or call.

    Nodes of unknown operators are included. A rewrite must never make such a node run more or less often.
    """
    return holders_of(graph, _drawing(graph))


def drawing_in_order(graph: GraphIndex) -> Iterator[tuple[int, int]]:
    """Yield pairs of main-graph nodes whose order must stay: it decides which of two equal draws comes first.

    All draws of random numbers form one sequence. Nodes of unknown operators are ordered only among those
    with the same operator and inputs, since whole models may consist of unknown operators.
    """
    drawing = _drawing(graph)
    unknown = holders_of(graph, drawing)
    random = holders_of(graph, {node for node in drawing if is_standard(graph.nodes[node].domain)})
    last: dict[object, int] = {}
    for node in sorted(unknown):
        if graph.body_of[node] == 0:
            proto = graph.nodes[node]
            row = None if node in random else (proto.domain, proto.op_type, tuple(proto.input))
            if row in last:
                yield last[row], node
            last[row] = node


def may_draw(model: ModelProto) -> bool:
    """Whether any node may give different results each time it runs; nodes of unknown operators may.

    This is cheaper than `drawing_nodes` and finds more: it looks at operators alone, so every Dropout counts,
    whatever its inputs and attributes.
    """
    functions = set(map(identity_of, model.functions))
    waiting = [(versions_of(owner.opset_import), nodes) for owner, nodes in _bodies(model)]
    while waiting:
        opsets, nodes = waiting.pop()
        for node in nodes:
            domain, op_type = canonical(node.domain), node.op_type
            version = _since(domain, op_type, opsets)
            if may_count_apart(op_type, domain, version) and called_by(node) not in functions:
                return True
            for attribute in node.attribute:
                waiting.extend((opsets, graph.node) for graph in graphs_of(attribute))
    return False


def _bodies(model: ModelProto) -> Iterator[tuple[ModelProto | FunctionProto, Iterable[NodeProto]]]:
    yield model, model.graph.node
    yield from ((function, function.node) for function in model.functions)


def draws_random(node: NodeProto, opsets: Mapping[str, int], functions: Set[tuple[str, str]]) -> bool:
    """Whether a node draws random numbers: itself, in a body, or by a call of a function known to draw.

    An operator outside the standard domains counts only by its bodies, or as such a function.

    Args:
        node: the node.
        opsets: canonical domain -> version.
        functions: (domain, name) of the functions known to draw.
    """
    return (
        (node.domain, node.op_type) in functions
        or (is_standard(node.domain) and counts_apart_in(node, opsets))
        or any(
            draws_random(inner, opsets, functions)
            for attribute in node.attribute
            for graph in graphs_of(attribute)
            for inner in graph.node
        )
    )


def operator_may_draw(domain: str, op_type: str, opsets: Mapping[str, int]) -> bool:
    """Whether `draws_random` may hold for a node of an operator that is no function known to draw."""
    known, version = canonical(domain), _since(domain, op_type, opsets)
    return may_count_apart(op_type, known, version) or may_hold_graphs(op_type, known, version)


def _drawing(graph: GraphIndex) -> set[int]:
    """Return the nodes, in all bodies, that draw or may keep state themselves, without owners and callers."""
    opsets, calls = opsets_of(graph), calls_of(graph)
    return {
        node
        for node, ((domain, op_type), body) in enumerate(zip(graph.operators, graph.body_of, strict=True))
        if _is_suspect(domain, op_type, opsets[body].get(canonical(domain), 0))
        and node not in calls
        and counts_apart_in(graph.nodes[node], opsets[body])
    }


@lru_cache(maxsize=4096)
def _is_suspect(domain: str, op_type: str, version: int) -> bool:
    """Whether nodes of an operator may count apart, at a version of its domain."""
    return may_count_apart(op_type, canonical(domain), since(op_type, canonical(domain), version))


def counts_apart_in(node: NodeProto, opsets: Mapping[str, int]) -> bool:
    """Whether `counts_apart` holds for a node, given canonical domain -> version."""
    domain, op_type = node.domain, node.op_type
    version = _since(domain, op_type, opsets)
    if not may_count_apart(op_type, canonical(domain), version):
        return False
    inputs = len(node.input)
    while inputs and not node.input[inputs - 1]:
        inputs -= 1
    return counts_apart(node, canonical(domain), version, inputs)


def _since(domain: str, op_type: str, opsets: Mapping[str, int]) -> int:
    return since(op_type, canonical(domain), opsets.get(canonical(domain), 0))
