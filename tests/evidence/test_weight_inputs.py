"""Inputs of a file that was exported without weights are parameters of the modules that read them."""

from __future__ import annotations

import pytest

from rewriter.evidence.roles import Role
from rewriter.evidence.weight_inputs import weight_inputs
from rewriter.insight.stats import patterns_of
from rewriter.model.index.graph import GraphIndex
from rewriter.modules.analysis import Analysis
from rewriter.modules.build import analyse
from rewriter.modules.totals import totals
from rewriter.paths import ROOT
from rewriter.views.json.tree import tree_json
from tests.build import model

EMPTY = """g (float[1,2,4,4] "input.1", float[2] "bn.weight", float[2] "bn.bias", float[2] "bn.running_mean",
    float[2] "bn.running_var", float[2,2,1,1] "onnx::Conv_81", float[2] "onnx::Conv_82")
    => (float[1,2,4,4] y) {
  ["/bn/BatchNormalization"] a = BatchNormalization(
      "input.1", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var")
  ["/conv/Conv"] y = Conv(a, "onnx::Conv_81", "onnx::Conv_82")
}"""


def analysed(text: str) -> Analysis:
    return analyse(GraphIndex(model(text)))


def found(text: str) -> list[str]:
    """Return the names of the inputs that are weights."""
    analysis = analysed(text)
    modules = [place.module if place else None for place in analysis.tree.placements]
    return [analysis.graph.value_names[value] for value in weight_inputs(analysis.graph, modules)]


def test_weights_have_no_bytes_and_belong_to_their_readers() -> None:
    tree = analysed(EMPTY).tree
    assert (tree["bn"].params, tree["conv"].params, tree.root.params, tree.root.bytes) == (4, 6, 10, 0)
    assert [each.name for each in tree["bn"].parameters] == ["weight", "bias", "running_mean", "running_var"]
    assert [each.role for each in tree["bn"].tensors] == ["parameter", "parameter", "buffer", "buffer"]
    assert tree["bn"].inferred_class == "torch.nn.modules.batchnorm._BatchNorm"


def test_the_file_says_so() -> None:
    assert analysed(EMPTY).notes == ("exported without weights: 6 inputs hold weights without elements",)


def test_figures_agree() -> None:
    analysis = analysed(EMPTY)
    assert totals(analysis.tree.modules)[ROOT] == (0, 10)
    assert totals(analysis.tree.modules, Role.BUFFER)[ROOT] == (0, 4)
    assert sum(pattern.count for pattern in patterns_of(analysis)) == 10
    module = tree_json(analysis)["modules"][1]
    assert module["elements"]["parameters"] == {"own": 4, "total": 4}
    assert module["parameters"][0]["initializer"] == "bn.weight"


NAMED = ["bn.weight", "bn.bias", "bn.running_mean", "bn.running_var"]


@pytest.mark.parametrize(
    ("former", "latter", "expected"),
    [
        (" y) {", " y) <float[1] k = {1}> {", NAMED),  # others are stored
        ('float[2] "onnx::Conv_82"', 'float[n] "onnx::Conv_82"', [*NAMED, "onnx::Conv_81"]),
        ("onnx::Conv", "kernel", NAMED),
        ("/bn/", "/other/", []),  # another module reads them
        ("bn.", "past.0.", []),
        ('float[2] "bn.weight"', 'float "bn.weight"', [*NAMED[1:], "onnx::Conv_81", "onnx::Conv_82"]),
    ],
)
def test_an_input_has_to_be_shown_a_weight(former: str, latter: str, expected: list[str]) -> None:
    assert former in EMPTY
    assert found(EMPTY.replace(former, latter)) == expected


def test_a_number_before_the_first_name_is_an_input_of_forward() -> None:
    text = """g (float[2,2] "onnx::MatMul_0", float[2,2] "onnx::MatMul_1", float[2] "fc.bias")
    => (float[2,2] y) {
      ["/MatMul"] a = MatMul("onnx::MatMul_0", "onnx::MatMul_1")
      ["/fc/Add"] y = Add(a, "fc.bias")
    }"""
    assert found(text) == ["fc.bias"]


def test_attention_reads_the_weight_of_a_layer_that_it_does_not_call() -> None:
    text = """g (float[2,2] x, float[2,2] "attn.out_proj.weight") => (float[2,2] y) {
      ["/attn/MatMul"] y = MatMul(x, "attn.out_proj.weight")
    }"""
    assert found(text) == ["attn.out_proj.weight"]
    assert found(text.replace("/attn/", "/")) == []


def test_an_initializer_that_is_also_an_input_is_stored() -> None:
    text = EMPTY.replace(" y) {", ' y) <float[2] "bn.weight" = {1,2}> {')
    assert found(text) == NAMED[1:]
    assert analysed(text).tree.root.bytes == 8
