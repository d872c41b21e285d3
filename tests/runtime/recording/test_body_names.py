"""Texts that mean one value of a model."""

from __future__ import annotations

from rewriter.model.index.graph import GraphIndex
from rewriter.runtime.recording.body_names import bodies_around, value_keys
from tests.build import model

TEXT = """
g (float[1] x, bool c) => (float[1] y) {
  h = Neg (x)
  y = If (c) <
    then_branch = t () => (float[1] o) { a = Abs (h) o = Neg (a) },
    else_branch = e () => (float[1] o) { h2 = Neg (h) o = Abs (h2) }
  >
}
"""


def test_names_that_occur_twice_have_the_number_of_their_body() -> None:
    graph = GraphIndex(model(TEXT))
    assert sorted(value_keys(graph).values()) == [
        "a", "c", "h", "h2", "o in body 1", "o in body 2", "x", "y"
    ]  # fmt: skip
    assert [bodies_around(graph, body) for body in range(3)] == [[], [1], [2]]


def test_a_name_that_looks_like_such_a_text_is_left_out() -> None:
    text = TEXT.replace("h2", '"o in body 1"')
    assert "o in body 1" not in value_keys(GraphIndex(model(text))).values()
