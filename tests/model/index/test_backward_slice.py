from __future__ import annotations

import onnx
import pytest

from rewriter.model.index.backward_slice import names_read, nodes_needed, reduce_to
from tests.build import model

SOURCE = """
g (float[2] x, float[2] z, float[2] w, float[2] v) => (float[2] y, float[2] a)
<float[2] w = {1, 2}, float[2] v = {3, 4}, float[2] u = {5, 6}, float[2] b>
{
  a = Add (x, w)
  b = Mul (a, u)
  y = Sub (b, v)
}
"""
BRANCHES = """
g (bool c) => (float[2] y, float[2] z) <float[2] w = {1, 2}, float[2] v = {3, 4}>
{
  y = If (c) <
    then_branch = g () => (float[2] t) { t = Abs (w) },
    else_branch = g () => (w) { }
  >
  z = Neg (v)
}
"""


def reduced(text: str, *values: str) -> onnx.GraphProto:
    made = model(text)
    reduce_to(made.graph, values)
    return made.graph


def names(field: object) -> list[str]:
    return [each.name for each in field]  # type: ignore[attr-defined]


def test_what_every_output_needs_stays_as_it_is() -> None:
    before = model(SOURCE).graph
    assert reduced(SOURCE, "y", "a") == before


def test_what_a_value_does_not_depend_on_goes() -> None:
    graph = reduced(SOURCE, "b")
    assert [node.op_type for node in graph.node] == ["Add", "Mul"]
    assert names(graph.initializer) == ["w", "u"]
    assert names(graph.value_info) == ["b"]
    assert not graph.output  # whoever runs it exposes the value


def test_an_input_goes_with_its_initializer_alone() -> None:
    graph = reduced(SOURCE, "a")
    assert names(graph.input) == ["x", "z", "w"]
    assert names(graph.output) == ["a"]
    assert names(graph.initializer) == ["w"]


def test_a_value_may_be_an_initializer() -> None:
    assert names(reduced(SOURCE, "u").initializer) == ["u"]


def test_bodies_read_what_they_capture() -> None:
    graph = reduced(BRANCHES, "y")
    assert names(graph.initializer) == ["w"]
    assert names_read(graph.node) >= {"c", "w"}


def test_sparse_initializers_and_annotations_are_filtered() -> None:
    made = model(SOURCE)
    for name in ("u", "v"):
        made.graph.sparse_initializer.add().values.name = f"sparse_{name}"
        made.graph.quantization_annotation.add(tensor_name=name)
    made.graph.node[1].input[1] = "sparse_u"
    reduce_to(made.graph, ["b"])
    assert [each.values.name for each in made.graph.sparse_initializer] == ["sparse_u"]
    assert [each.tensor_name for each in made.graph.quantization_annotation] == []


@pytest.mark.parametrize(
    ("ends", "starts", "expected"), [("y", "", [0, 1, 2]), ("y", "b", [2]), ("a", "", [0])]
)
def test_nodes_between_values(ends: str, starts: str, expected: list[int]) -> None:
    assert nodes_needed(model(SOURCE).graph, [ends], {starts}) == expected
