"""Constants and shape arithmetic small enough to have twice."""

from __future__ import annotations

import pytest

from rewriter.model.index.graph import GraphIndex
from rewriter.regions.shape_arithmetic import Arithmetic
from tests.build import model


@pytest.mark.parametrize("kind", ["value_float = 1.0", "value_floats = [1.0, 2.0]", "value_ints = [1, 2]"])
def test_a_constant_is_small_however_it_is_stated(kind: str) -> None:
    assert _small(f"k = Constant <{kind}> ()") == {"k"}


@pytest.mark.parametrize("kind", ["float", "int"])
def test_a_long_list_is_not_small(kind: str) -> None:
    elements = ", ".join(["1.0" if kind == "float" else "1"] * 65)
    assert _small(f"k = Constant <value_{kind}s = [{elements}]> ()") == set()


def test_what_follows_from_shapes_and_small_constants_is_small() -> None:
    found = _small(
        "k = Constant <value_ints = [1]> () s = Shape (x) t = Concat <axis = 0> (s, k) n = Neg (x)"
    )
    assert found == {"k", "s", "t"}


def _small(nodes: str) -> set[str]:
    graph = GraphIndex(model(f"g (float[2] x) => (float[2] y) {{ {nodes} y = Relu (x) }}"))
    found = Arithmetic(graph, frozenset())
    return {name for value, name in enumerate(graph.value_names) if found.small(value)}


def test_the_fill_value_of_a_shape_is_not_the_shape() -> None:
    """`s` is [40, 40], so `big` has 1,600 elements, though both come from small constants."""
    found = _small(
        "two = Constant <value_ints = [2]> () s = ConstantOfShape <value = int64[1] {40}> (two) "
        "big = ConstantOfShape (s)"
    )
    assert found == {"two"}


def test_a_column_and_a_row_make_a_table() -> None:
    """`t` has 32 * 32 elements; so has `u`, a row for each of 32 indices."""
    tall, wide = "int64[32,1] {" + ",".join("1" * 32) + "}", "int64[1,32] {" + ",".join("1" * 32) + "}"
    found = _small(
        f"a = Constant <value = {tall}> () b = Constant <value = {wide}> () t = Add (a, b) r = Add (b, b) "
        "s = Shape (a) u = Gather (a, b) one = Constant <value_int = 1> () c = Add (a, one)"
    )
    assert found == {"a", "b", "r", "s", "one", "c"}


def test_a_part_of_a_shape_does_not_bound_the_number_of_elements() -> None:
    """`k` has no elements, and the rest of its shape without the first dimension has one of 1,000."""
    empty = "k = Constant <value = int64[0,1000] {}> ()"
    assert _small(f"{empty} s = Shape (k) f = ConstantOfShape (s)") == {"k", "s", "f"}
    assert _small(f"{empty} s = Shape <start = 1> (k) f = ConstantOfShape (s)") == {"k", "s"}
