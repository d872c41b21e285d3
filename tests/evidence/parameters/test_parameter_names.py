"""Placement of readers of named, dequantised and TensorFlow's weights: the module, and the rule."""

from __future__ import annotations

import pytest

import rewriter
from rewriter import pipeline
from rewriter.evidence.certainty import Certainty, PlacementRule
from rewriter.evidence.parameters.parameter_names import alias_of, readers_of
from rewriter.model.index.graph import GraphIndex
from rewriter.modules.build import analyse
from rewriter.modules.module_tree import ModuleTree
from tests.build import model

TEXT = """g (float[1,2,3,3] x) => (float[1,2,3,3] y)
<float[2,2,1,1] "WEIGHT" = {1,2,3,4}, float[2] "BIAS" = {1,2}> { y = Conv(x, "WEIGHT", "BIAS") }"""


def placed(weight: str, bias: str) -> tuple[str | None, dict[str, tuple[str, ...]]]:
    """The module of a convolution, and the modules that were folded."""
    tree = rewriter.tree(model(TEXT.replace("WEIGHT", weight).replace("BIAS", bias)))
    (place,) = tree.placements
    return place.module if place else None, {m.path: m.folded_into for m in tree if m.folded_into}


def test_a_norm_that_onnxruntime_folded_does_not_place_the_convolution() -> None:
    names = ("ConvBnFusion_W_a.conv.weight", "ConvBnFusion_BN_B_a.bn.bias")
    assert placed(*names) == ("a.conv", {"a.bn": ("a.conv",)})


@pytest.mark.parametrize("kind", ["Mul", "Add"])
def test_a_factor_or_summand_that_onnxruntime_folded_does_not_either(kind: str) -> None:
    assert placed("a.conv.weight", f"Conv{kind}Fusion_{kind}_B_b.scale") == ("a.conv", {})


def test_a_bias_of_another_module_counts_if_nothing_was_folded() -> None:
    assert placed("a.conv.weight", "a.other.bias") == ("a", {})


def test_a_folded_name_of_a_value_names_no_parameter() -> None:
    assert placed("MatMulBnFusion_GemmB_/out/out.0/Transpose_output_0", "bias") == (None, {})


ATTENTION = """g (float[2,2] x) => (float[2,2] y)
<float[2,2] "layer.attn.out_proj.weight" = {1,2,3,4}, float[2] "layer.attn.PACKED" = {1,2}>
{ u = Add(x, "layer.attn.PACKED") y = MatMul(u, "layer.attn.out_proj.weight") }"""


@pytest.mark.parametrize(
    ("packed", "module"),
    [("in_proj_bias", "layer.attn"), ("in_proj_weight", "layer.attn"), ("scale", "layer.attn.out_proj")],
)
def test_the_attention_of_torch_never_calls_its_last_projection(packed: str, module: str) -> None:
    place = rewriter.tree(model(ATTENTION.replace("PACKED", packed))).placements[1]
    assert place is not None
    assert place.module == module
    assert place.certainty is (Certainty.INFERRED if module == "layer.attn" else Certainty.GUESSED)


SQUARE = "= {1,2,3,4}"
VECTOR = "= {1,2}"


@pytest.mark.parametrize(
    ("weights", "nodes", "rule"),
    [
        (f'float[2,2] "a.fc.weight" {SQUARE}', 'y = MatMul(x, "a.fc.weight")', PlacementRule.OWN_WEIGHT),
        (f'float[2,2] "fc.weight" {SQUARE}', 'y = MatMul(x, "fc.weight")', PlacementRule.OWN_WEIGHT),
        (
            f'float[2,2] "a.out.weight" {SQUARE}, float[2] "a.in_bias" {VECTOR}',
            'y = MatMul(x, "a.out.weight") u = Add(x, "a.in_bias")',
            PlacementRule.FUNCTIONAL,
        ),
        (
            f'float[2,2] "a.fc.weight" {SQUARE}',
            'u = MatMul(x, "a.fc.weight") y = MatMul(u, "a.fc.weight")',
            PlacementRule.SHARED_WEIGHT,
        ),
        (
            f'float[2,2] "a.fc.weight" {SQUARE}',
            '"b.fc.weight" = Identity("a.fc.weight") y = Neg(x)',
            PlacementRule.TEXT,
        ),
    ],
)
def test_the_rule_follows_from_the_readers_and_the_module_above(
    weights: str, nodes: str, rule: PlacementRule
) -> None:
    analysis = pipeline.load(model(f"g (float[2,2] x) => (float[2,2] y) <{weights}> {{ {nodes} }}"))
    first = analysis.claims[0][0]
    assert first.by_rule is rule
    placement = analysis.tree.placements[0]
    assert placement is not None
    assert placement.certainty is rule.certainty


def test_a_shared_weight_is_no_inference() -> None:
    assert PlacementRule.SHARED_WEIGHT.certainty is PlacementRule.FUNCTIONAL.certainty is Certainty.GUESSED


def tree_of(text: str) -> ModuleTree:
    return analyse(GraphIndex(model(text))).tree


DEPTHWISE = """g (float[1,2,4,4] x) => (float[1,2,4,4] y)
<float[2,1,1,1] const_fold_opt__9 = {1,2}, float[2] "net/dw/BiasAdd:0" = {1,2}, float[2,1,1] s = {1,2}> {
  [Conv__7] a = Conv <group = 2> (x, const_fold_opt__9, "net/dw/BiasAdd:0")
  ["net/bn/batchnorm/mul"] y = Mul (a, s)
}"""


def test_a_variable_places_its_only_reader_before_the_nodes_around_it() -> None:
    tree = tree_of(DEPTHWISE)
    assert [place and place.module for place in tree.placements] == ["net.dw", "net.bn"]
    assert sum(tensor.count for tensor in tree["net.dw"].tensors) == 4


def test_a_variable_of_several_readers_places_none() -> None:
    tree = tree_of("""g (float[2,4] x) => (float[2,4] y)
    <float[4] "net/dw/BiasAdd:0" = {1,2,3,4}> {
      a = Add (x, "net/dw/BiasAdd:0")
      b = Mul (a, "net/dw/BiasAdd:0")
      ["net/out/Relu"] y = Relu (b)
    }""")
    assert "net.dw" not in {place.module for place in tree.placements if place}


def test_a_variable_named_after_its_reader_belongs_to_the_module_around() -> None:
    tree = tree_of("""g (float[2,4] x) => (float[2,4] y)
    <float[4,4] "net/a/matmul/ReadVariableOp:0" = {0}, float[4] "net/a/add/ReadVariableOp:0" = {1,2,3,4}> {
      ["net/a/matmul"] "net/a/matmul:0" = MatMul (x, "net/a/matmul/ReadVariableOp:0")
      ["net/a/add"] y = Add ("net/a/matmul:0", "net/a/add/ReadVariableOp:0")
    }""")
    assert list(tree.modules) == ["", "net", "net.a"]
    assert tree["net.a"].params == 20


DEQUANTISED = """g (float[2,4] x) => (float[2,4] y)
<int8[4,4] "fc.weight_quantized" = {1}, float "fc.weight_scale" = {0.5}> {
  w = DequantizeLinear (DATA, "fc.weight_scale")
  y = MatMul (x, w)
}"""


def test_who_multiplies_by_a_dequantised_weight_belongs_to_its_owner() -> None:
    """Though the result leaves the graph, so that no reader places the node."""
    tree = tree_of(DEQUANTISED.replace("DATA", '"fc.weight_quantized"'))
    assert [place and place.module for place in tree.placements] == ["fc", "fc"]


def test_an_activation_with_the_scale_of_a_weight_is_no_weight() -> None:
    """onnxruntime moves a DequantizeLinear behind the Gather of an embedding."""
    text = DEQUANTISED.replace("w = Dequ", 'rows = Gather ("fc.weight_quantized", i) w = Dequ')
    tree = tree_of(text.replace("DATA", "rows").replace("float[2,4] x)", "float[2,4] x, int64[4] i)"))
    place = tree.placements[2]
    assert place is not None
    assert (place.module, place.certainty) == ("", Certainty.GUESSED)


def test_a_dequantised_weight_of_several_readers_places_none_of_them() -> None:
    """It may be tied, or stand for equal weights."""
    text = DEQUANTISED.replace("y = MatMul (x, w)", "a = MatMul (x, w) y = MatMul (a, w)")
    tree = tree_of(text.replace("DATA", '"fc.weight_quantized"'))
    assert [place and place.module for place in tree.placements] == ["fc", None, None]


def test_an_alias_of_an_alias_is_one_of_the_initializer() -> None:
    graph = GraphIndex(
        model(
            """g (float[2] x) => (float[2] y) <float[2] "w.weight" = {1, 2}> {
              "a.weight" = Identity("w.weight")
              "b.weight" = Identity("a.weight")
              h = Identity(x)
              u = Add(h, "a.weight")
              y = Add(u, "b.weight")
            }"""
        )
    )
    origins = {name: graph.value_names[alias_of(graph, graph.value(name))] for name in graph.value_names}
    assert {name for name, origin in origins.items() if origin == "w.weight"} == {
        "w.weight",
        "a.weight",
        "b.weight",
    }
    assert origins["h"] == "h"
    assert readers_of(graph, graph.value("w.weight")) == [3, 4]


DEQUANTISE = 'w = DequantizeLinear("fc.weight_quantized", "fc.weight_scale", "fc.weight_zero_point")'


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    ("nodes", "initializer"),
    [
        (f"{DEQUANTISE} y = MatMul(x, w)", "fc.weight_quantized"),
        ('y = MatMul(x, "fc.weight")', "fc.weight"),
        (f'{DEQUANTISE} u = MatMul(x, "fc.weight") y = MatMul(u, w)', "fc.weight"),
    ],
)
def test_a_weight_that_a_tool_left_behind_is_no_parameter(nodes: str, initializer: str, turned: bool) -> None:
    made = model(
        """g (float[2,2] x) => (float[2,2] y) <float[2,2] "fc.weight" = {1,2,3,4},
        int8[2,2] "fc.weight_quantized" = {1,2,3,4}, float "fc.weight_scale" = {1},
        int8 "fc.weight_zero_point" = {0}> { NODES }""".replace("NODES", nodes)
    )
    if turned:
        tensors = list(made.graph.initializer)[::-1]
        del made.graph.initializer[:]
        made.graph.initializer.extend(tensors)
    weight = next(each for each in rewriter.tree(made)["fc"].parameters if each.name == "weight")
    assert weight.initializer == initializer


def test_a_list_of_parameters_is_never_called() -> None:
    text = (
        """g (float[1] x) => (float[1] y) <float[1] "head.scales.0" = {2}> { y = Mul(x, "head.scales.0") }"""
    )
    (place,) = rewriter.tree(model(text)).placements
    assert place is not None
    assert place.module == "head"


def test_nor_does_one_of_the_root_place_its_reader() -> None:
    text = """g (float[1] x) => (float[1] y) <float[1] "scales.0" = {2}> { y = Mul(x, "scales.0") }"""
    assert rewriter.tree(model(text)).placements == (None,)
