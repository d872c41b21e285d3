"""Modules of nodes between placed nodes in the order of the trace, in files sorted anew and others."""

from __future__ import annotations

from rewriter.evidence.names.trace_order import TraceOrder
from rewriter.model.index.graph import GraphIndex
from rewriter.paths import ModulePath
from tests.build import model


def order(*lines: str) -> tuple[TraceOrder, dict[str, int]]:
    """Return the order of nodes, and the first output of a node -> its number."""
    graph = GraphIndex(model("\n".join(["g (float[2] x, float[2] m) => (float[2] y) {", *lines, "}"])))
    return TraceOrder(graph), {str(node.output[0]): number for number, node in enumerate(graph.nodes)}


def enclosing(*lines: str, **places: str) -> dict[str, str]:
    """Return first output of an unplaced node -> the module that the order shows."""
    trace, nodes = order(*lines)
    found = trace.enclosing({nodes[name]: ModulePath(place) for name, place in places.items()})
    return {name: str(found[node]) for name, node in nodes.items() if node in found}


TRACED = ("relu = Relu(x)", "mask = Neg(m)", "relu_1 = Relu(relu)", "y = Add(relu_1, mask)")
SORTED = ("mask = Neg(m)", "relu_1 = Relu(relu)", "relu = Relu(x)", "y = Add(relu_1, mask)")


def test_a_node_between_two_nodes_of_a_module_is_in_it() -> None:
    assert enclosing(*TRACED, relu="a.b.fc", relu_1="a.b.out") == {"mask": "a.b"}


def test_nodes_before_the_first_and_behind_the_last_placed_one_are_left_out() -> None:
    assert enclosing(*TRACED, relu_1="a.b") == {}


def test_numbers_show_that_a_tool_sorted_the_nodes() -> None:
    trace, nodes = order(*SORTED)
    assert [name for node in trace.order for name, number in nodes.items() if number == node] == [
        "mask",
        "relu",
        "relu_1",
        "y",
    ]


def test_a_node_without_a_number_may_stand_anywhere_before_its_readers_in_a_sorted_file() -> None:
    assert enclosing(*SORTED, relu="a.b.fc", relu_1="a.c", y="d") == {"mask": ""}
    assert enclosing(*TRACED, relu="a.b.fc", relu_1="a.c", y="d") == {"mask": "a"}


def test_numbers_of_onnxsim_show_no_order() -> None:
    trace, _ = order("_v_2 = Relu(x)", "_v_1 = Relu(_v_2)", "y = Add(_v_1, m)")
    assert trace.order == [0, 1, 2]


def test_numbers_against_the_dataflow_show_no_order() -> None:
    assert enclosing("relu_1 = Relu(x)", "relu = Relu(relu_1)", "y = Add(relu, m)", relu_1="a", y="a") == {}
