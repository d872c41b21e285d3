"""Transposes that undo one of the module before them, and those that do not."""

from __future__ import annotations

import pytest

from rewriter.evidence.steps.step_places import StepPlaces
from rewriter.evidence.steps.undone_layouts import undone
from rewriter.model.index.graph import GraphIndex
from rewriter.paths import ModulePath
from tests.build import model

TEXT = """g (float[2,3,4] x) => (float[24] y) {{
  permute = Transpose<perm = {first}>(x)
  mixed = {behind}
  permute_1 = Transpose<perm = {last}>(mixed)
  y = Reshape<allowzero = 0>(permute_1, s)
}}"""


def found(first: str, behind: str, last: str) -> dict[int, str]:
    text = TEXT.format(first=first, behind=behind, last=last)
    graph = GraphIndex(model(text.replace("=> (float[24] y)", "=> (float[24] y) <int64[1] s = {24}>")))
    inside, above = ModulePath("a.b"), ModulePath("a")
    places = StepPlaces(graph, [None] * 4, frozenset())
    places.of_step.update({0: inside, 1: inside, 2: above, 3: above})
    return {step: str(place) for step, place in undone(places).items()}


@pytest.mark.parametrize("behind", ["Relu(permute)", "Mul(permute, permute)"])
def test_the_inverse_permutation_and_the_reshape_behind_it_are_in_the_module(behind: str) -> None:
    assert found("[1, 2, 0]", behind, "[2, 0, 1]") == {2: "a.b", 3: "a.b"}


def test_another_permutation_is_not() -> None:
    assert found("[1, 2, 0]", "Relu(permute)", "[1, 2, 0]") == {}


def test_a_swap_undoes_one_behind_a_product_of_computed_values() -> None:
    assert found("[0, 2, 1]", "Mul(permute, x)", "[0, 2, 1]") == {2: "a.b", 3: "a.b"}
    assert found("[0, 2, 1]", "Relu(permute)", "[0, 2, 1]") == {}


def test_a_permutation_is_undone_once() -> None:
    assert found("[1, 2, 0]", "Transpose<perm = [2, 0, 1]>(permute)", "[2, 0, 1]") == {}
