"""Inputs that steps share with submodules, also behind a Reshape that a tool added."""

from __future__ import annotations

from rewriter.evidence.steps.entered_modules import Entries
from rewriter.evidence.steps.step_places import StepPlaces
from rewriter.model.index.graph import GraphIndex
from rewriter.paths import ModulePath
from tests.build import model

TEXT = """g (float[2,2] x) => (float[2,2] y) <int64[2] s = {{2,2}}>
{{
  relu = Relu(x)
  val_3_pre_reshape_out = Reshape(relu, s)
  linear = Neg(val_3_pre_reshape_out)
  linear_1 = Abs({input})
  y = Add(linear, linear_1)
}}"""
PLACES = {0: ModulePath("a"), 1: None, 2: ModulePath("a.attention.v"), 3: None, 4: ModulePath("a.attention")}


def entries(text: str) -> Entries:
    graph = GraphIndex(model(text))
    places = StepPlaces(graph, [None] * 5, frozenset())
    places.known |= {0, 2, 4}
    return Entries(places)


def test_a_reshape_that_a_tool_added_is_transparent() -> None:
    for value in ("relu", "val_3_pre_reshape_out"):
        found = entries(TEXT.format(input=value).replace("Neg(val_3_pre_reshape_out)", "Neg(relu)"))
        assert 2 in found.beside(3)


def test_a_step_that_reads_the_input_of_a_submodule_shares_its_inputs_with_the_module() -> None:
    text = TEXT.format(input="val_3_pre_reshape_out")
    assert entries(text).all_shared(3, ModulePath("a.attention"), PLACES)
    assert not entries(text).all_shared(3, ModulePath("a.other"), PLACES)


def test_an_input_that_no_submodule_reads_is_not_shared() -> None:
    text = TEXT.format(input="relu").replace("Reshape(relu, s)", "Reshape(x, s)")
    assert not entries(text).all_shared(3, ModulePath("a.attention"), PLACES)
