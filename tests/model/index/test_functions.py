"""Calls find functions by domain, name and overload."""

import pytest
from onnx import ModelProto, parser

from rewriter.model.index.functions import calls_of, holders_of
from rewriter.model.index.graph import GraphIndex
from rewriter.model.operator_set.determinism import drawing_nodes

TEXT = """<ir_version: 10, opset_import: ["" : 21, "m" : 1]>
g (float[2] x) => (float[2] z) { y = m.f(x)
 z = m.f(y) }
<domain: "m", opset_import: ["" : 21]> f (p) => (q) { q = RandomNormalLike(p) }
<domain: "m", opset_import: ["" : 21]> f (p) => (q) { q = Neg(p) }
"""


def overloaded(order: tuple[int, int]) -> ModelProto:
    """Node 0 calls the overload that draws, node 1 the other; the functions stand in the given order."""
    model = parser.parse_model(TEXT)
    for at, overload in enumerate(("draws", "")):
        model.functions[at].overload = model.graph.node[at].overload = overload
    functions = [model.functions[at] for at in order]
    result = ModelProto()
    result.CopyFrom(model)
    del result.functions[:]
    result.functions.extend(functions)
    return result


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_overloads_are_functions_of_their_own(order: tuple[int, int]) -> None:
    graph = GraphIndex(overloaded(order))
    called = {node: graph.bodies[body].function for node, body in calls_of(graph).items()}
    assert {node: function and function.overload for node, function in called.items()} == {0: "draws", 1: ""}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_only_the_call_of_a_function_that_draws_draws(order: tuple[int, int]) -> None:
    graph = GraphIndex(overloaded(order))
    main = {node for node in drawing_nodes(graph) if graph.body_of[node] == 0}
    assert main == {0}


def test_a_call_of_an_overload_that_the_file_lacks_calls_nothing() -> None:
    model = overloaded((0, 1))
    model.graph.node[0].overload = "missing"
    assert list(calls_of(GraphIndex(model))) == [1]


def test_holders_reach_through_bodies_and_calls() -> None:
    text = """<ir_version: 10, opset_import: ["" : 21, "m" : 1]>
    g (float[2] x, bool b) => (float[2] y) { h = Neg(x)
     y = If(b) <then_branch = t () => (float[2] c) { c = m.f(h) },
                else_branch = e () => (float[2] d) { d = Neg(h) }> }
    <domain: "m", opset_import: ["" : 21]> f (p) => (q) { q = Neg(p) }
    """
    graph = GraphIndex(parser.parse_model(text))
    inner = next(node for node, body in enumerate(graph.body_of) if graph.bodies[body].function is not None)
    call = next(iter(calls_of(graph)))
    assert holders_of(graph, [inner]) == {inner, call, 1}
