from __future__ import annotations

from pathlib import Path

from onnx import ModelProto

from rewriter.model.index.graph import NONE, GraphIndex
from rewriter.model.storage import files
from tests.build import model
from tests.exports import each_file

NESTED = """g (float[2] x, bool c) => (float[2] y)
<float[2] w = {1,2}, float[2] unused = {3,4}>
{
  [outer] a = Add(x, w)
  [choice] y = If(c) <
    then_branch = yes () => (float[2] t) {
      [shadow] b = Add(a, w)
      [inner] t = If(c) <
        then_branch = deep () => (float[2] d) { [deepest] d = Mul(b, a) },
        else_branch = flat () => (float[2] a2) { [other] a2 = Neg(a) }
      >
    },
    else_branch = no () => (float[2] b) { [twin] b = Mul(a, a) }
  >
}"""


def names(graph: GraphIndex, numbers: list[int]) -> list[str]:
    return [graph.nodes[number].name for number in numbers]


def test_nodes_of_bodies_stand_behind_their_owner() -> None:
    graph = GraphIndex(model(NESTED))
    order = ["outer", "choice", "shadow", "inner", "deepest", "other", "twin"]
    assert names(graph, [*range(len(graph.nodes))]) == order
    by_name = {node.name: number for number, node in enumerate(graph.nodes)}
    assert names(graph, [*graph.enclosing(by_name["deepest"])]) == ["inner", "choice"]
    assert [*graph.enclosing(by_name["outer"])] == []


def test_captured_values_are_read_from_inside_and_yielded_ones_by_the_owner() -> None:
    graph = GraphIndex(model(NESTED))
    value = graph.value
    assert names(graph, graph.readers[value("w")]) == ["outer", "shadow"]
    assert names(graph, graph.readers[value("a")]) == ["shadow", "deepest", "other", "twin"]
    assert names(graph, graph.readers[value("c")]) == ["choice", "inner"]
    yes, no = (number for number, body in enumerate(graph.bodies) if body.owner == 1)
    assert value("b", yes) != value("b", no)
    assert value("b") == NONE
    assert names(graph, graph.readers[value("b", yes)]) == ["deepest"]
    assert names(graph, graph.readers[value("b", no)]) == ["choice"]
    assert names(graph, graph.readers[value("t", yes)]) == ["choice"]
    assert graph.value("nowhere", yes) == NONE


def test_optional_inputs_left_out_and_initializers() -> None:
    graph = GraphIndex(
        model(
            """g (float[2] x) => (float[2] y) <float[1] top = {1}>
            { [clip] y = Clip(x, "", top) }"""
        )
    )
    assert graph.reads[0] == [graph.value("x"), NONE, graph.value("top")]
    assert graph.initializers.keys() == {graph.value("top")}
    assert graph.producer[graph.value("top")] == NONE
    assert graph.bodies[0].results == [graph.value("y")]


@each_file
def test_reads_writes_and_readers_agree(path: Path) -> None:
    graph = GraphIndex(files.load(path))
    for node, proto in enumerate(graph.nodes):
        body = graph.body_of[node]
        assert [graph.value_names[v] if v != NONE else "" for v in graph.reads[node]] == [*proto.input]
        assert [graph.value_names[v] if v != NONE else "" for v in graph.writes[node]] == [*proto.output]
        assert all(graph.producer[v] == node for v in graph.writes[node] if v != NONE)
        assert all(node in graph.readers[v] for v in graph.reads[node] if v != NONE)
        assert all(graph.value(graph.value_names[v], body) == v for v in graph.reads[node] if v != NONE)
    for value, readers in enumerate(graph.readers):
        assert len({*readers}) == len(readers)
        for reader in readers:
            owned = [body for body in graph.bodies if body.owner == reader and value in body.results]
            assert value in graph.reads[reader] or owned


def test_a_model_without_values() -> None:
    made = ModelProto()
    made.graph.node.add(op_type="Print", input=["", ""])
    graph = GraphIndex(made)
    assert (graph.reads, graph.readers, graph.value_names) == ([[NONE, NONE]], [], [])


def test_owners_of_bodies_that_output_one_value_read_it_once_each() -> None:
    branches = "<then_branch = t () => (float[2] h) { }, else_branch = e () => (float[2] h) { }>"
    graph = GraphIndex(
        model(
            "g (float[2] x, bool c) => (float[2] y) { h = Neg(x) "
            f"u = If(c) {branches} v = If(c) {branches} y = Sum(h, u, v) }}"
        )
    )
    assert graph.readers[graph.value("h")] == [3, 1, 2]


def test_defaults_of_inputs_are_constants() -> None:
    graph = GraphIndex(model("g (float[2] x, float[2] w = {1, 2}) => (float[2] y) { y = Add(x, w) }"))
    assert graph.constants == {graph.value("w")}
