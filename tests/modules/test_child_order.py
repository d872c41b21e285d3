"""Modules stand in the order of their calls."""

from __future__ import annotations

import pytest

from rewriter.model.index.graph import GraphIndex
from rewriter.modules.build import analyse
from rewriter.modules.child_order import in_call_order
from rewriter.paths import ModulePath
from tests.build import model
from tests.evidence.folded import Product, products


def children_of(text: str) -> tuple[str, ...]:
    return analyse(GraphIndex(model(text))).tree.root.children


def test_a_constant_in_front_does_not_move_its_module() -> None:
    found = children_of(
        """g (float[2] x) => (float[2] y) {
          ["/late/Constant"] c = Constant <value_float = 2.0> ()
          ["/early/Relu"] a = Relu (x)
          ["/late/inner/Mul"] y = Mul (a, c)
        }"""
    )
    assert found == ("early", "late")


def test_a_module_of_constants_alone_stands_where_its_constants_do() -> None:
    found = children_of(
        """g (float x) => (float y) {
          ["/a/Relu"] a = Relu (x)
          ["/b/Constant"] c = Constant <value_float = 2.0> ()
          y = Mul (a, c)
        }"""
    )
    assert found == ("a", "b")


def test_a_folded_norm_stands_behind_the_module_that_it_was_folded_into() -> None:
    rows = [Product(("bn1",), "b.weight"), Product(("bn2",), "a.weight")]
    assert analyse(GraphIndex(products(rows))).tree.root.children == ("b", "bn1", "a", "bn2")


@pytest.mark.parametrize(
    ("children", "starts", "sorted_children"),
    [
        ("0 2 1 3", "0 2", "0 1 2 3"),
        ("2 0 1", "2 0", "2 0 1"),
        ("a 1 0 b", "a", "a 0 1 b"),
        ("a b c", "c", "c a b"),
        ("0 1" + "0" * 5000, "0", "0 1" + "0" * 5000),
    ],
    ids=["by number", "numbers that do not ascend", "names stay", "named ones last", "no number"],
)
def test_children_without_a_node(children: str, starts: str, sorted_children: str) -> None:
    paths = [ModulePath(f"l.{name}") for name in children.split()]
    known = {ModulePath(f"l.{name}"): (False, place) for place, name in enumerate(starts.split())}
    assert [path.name for path in in_call_order(paths, known)] == sorted_children.split()
