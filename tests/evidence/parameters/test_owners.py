"""Operators and constants with names like modules, as builders of models write them, are no modules."""

from __future__ import annotations

from rewriter.model.index.graph import GraphIndex
from rewriter.modules.build import analyse
from tests.build import model


def placed(text: str) -> dict[str, str]:
    """Return node -> its module."""
    analysis = analyse(GraphIndex(model(text)))
    places = zip(analysis.graph.names, analysis.tree.placements, strict=True)
    return {name: place.module for name, place in places if place is not None}


def test_a_weight_named_after_an_operator_is_that_of_its_module() -> None:
    text = """g (float[2,4] x) => (float[2,4] y)
    <float[4,4] "enc.fc.MatMul.weight" = {0}> {
      ["/enc/fc/MatMul_Q4"] a = MatMul(x, "enc.fc.MatMul.weight")
      ["/enc/act/Relu"] y = Relu(a)
    }"""
    tree = analyse(GraphIndex(model(text))).tree
    assert list(tree.modules) == ["", "enc", "enc.fc", "enc.act"]
    assert [held.name for held in tree["enc.fc"].parameters] == ["weight"]


def test_a_module_that_is_called_like_an_operator_stays_one() -> None:
    text = """g (float[2,4] x) => (float[2,4] y)
    <float[4] "enc.LayerNorm.weight" = {0}, float[4] "enc.LayerNorm.bias" = {0}> {
      ["/enc/LayerNorm_1/LayerNormalization"] y = LayerNormalization
        (x, "enc.LayerNorm.weight", "enc.LayerNorm.bias")
    }"""
    assert "enc.LayerNorm" in analyse(GraphIndex(model(text))).tree


def test_the_name_of_an_operator_is_no_scope_of_what_goes_on_with_its_result() -> None:
    text = """g (float[2] x) => (int64[2] y) {
      ["/mask/Sub"] a = Sub(x, x)
      ["/mask/Sub/Cast"] y = Cast<to=7>(a)
    }"""
    assert placed(text) == {"/mask/Sub": "mask", "/mask/Sub/Cast": "mask"}


def test_the_name_of_a_constant_is_no_scope() -> None:
    text = """g (float[2] x) => (float[2] y) {
      ["/constant_nodes/FLOAT/1"] one = Constant<value_float=1.0>()
      ["/net/fc/Add"] y = Add(x, one)
    }"""
    assert placed(text) == {"/constant_nodes/FLOAT/1": "net.fc", "/net/fc/Add": "net.fc"}


def test_operators_of_tensorflow_open_no_modules_and_its_names_may_hold_dots() -> None:
    text = """g (float[2,4] x) => (float[2,4] "net_0.35/fc/Add:0")
    <float[4,4] "net_0.35/fc/Cast/ReadVariableOp:0" = {0},
     float[4] "net_0.35/fc/Add/ReadVariableOp:0" = {0}> {
      ["net_0.35/fc/Tensordot/MatMul"] "net_0.35/fc/Tensordot/MatMul:0" =
        MatMul(x, "net_0.35/fc/Cast/ReadVariableOp:0")
      ["net_0.35/fc/Add"] "net_0.35/fc/Add:0" =
        Add("net_0.35/fc/Tensordot/MatMul:0", "net_0.35/fc/Add/ReadVariableOp:0")
    }"""
    tree = analyse(GraphIndex(model(text))).tree
    assert list(tree.modules) == ["", "net_0_35", "net_0_35.fc"]
    assert sum(tensor.count for tensor in tree["net_0_35.fc"].tensors) == 20


def test_a_quantised_weight_is_one_parameter_of_the_name_it_had() -> None:
    text = """g (float[2,4] x) => (float[2,8] y)
    <int8[8,4] "fc.weight_quantized" = {0}, float[8] "fc.weight_scale" = {0},
     int8[8] "fc.weight_zero_point" = {0}> {
      w = DequantizeLinear<axis=0>("fc.weight_quantized", "fc.weight_scale", "fc.weight_zero_point")
      ["/fc/Gemm"] y = Gemm<transB=1>(x, w)
    }"""
    tree = analyse(GraphIndex(model(text))).tree
    assert [(held.name, held.dtype) for held in tree["fc"].parameters] == [("weight", "int8")]


def test_a_quantised_weight_that_was_transposed_says_so() -> None:
    text = """g (uint8[2,4] x) => (int32[2,8] y)
    <int8[4,8] "fc.weight_Transposed_quantized" = {0}> {
      ["/fc/Gemm_MatMul_quant"] y = MatMulInteger(x, "fc.weight_Transposed_quantized")
    }"""
    (held,) = analyse(GraphIndex(model(text))).tree["fc"].parameters
    assert (held.name, held.transposed) == ("weight", True)


def test_a_fused_norm_belongs_to_the_module_that_its_name_and_its_weight_say() -> None:
    text = """g (float[2,4] x, float[2,4] z) => (float[2,4] y)
    <float[4] "l.0.norm.weight" = {0}> {
      ["/l.0/fc/Relu"] a = Relu(x)
      ["/l.0/norm/SkipLayerNorm"] y = com.microsoft.SkipSimplifiedLayerNormalization(a, z, "l.0.norm.weight")
    }"""
    assert placed(text)["/l.0/norm/SkipLayerNorm"] == "l.0.norm"


def test_the_scale_of_an_activation_is_no_parameter_of_a_module_input() -> None:
    text = """g (float[2,4] x) => (float[2,4] y)
    <float "input.4_scale" = {1}, int8 "input.4_zero_point" = {0}> {
      ["/act/Relu"] "input.4" = Relu(x)
      ["/act/Q"] "input.4_quantized" = QuantizeLinear("input.4", "input.4_scale", "input.4_zero_point")
      ["/act/DQ"] y = DequantizeLinear("input.4_quantized", "input.4_scale", "input.4_zero_point")
    }"""
    assert list(analyse(GraphIndex(model(text))).tree.modules) == ["", "act"]


def test_a_weight_that_onnxruntime_folded_another_into_keeps_its_owner() -> None:
    text = """g (float[1,3,4,4] x) => (float[1,2,4,4] y)
    <float[2,3,1,1] "ConvBnFusion_W_net.conv.weight" = {0}, float[2] "ConvBnFusion_BN_B_net.bn.bias" = {0}> {
      ["/net/conv/Conv"] y = Conv(x, "ConvBnFusion_W_net.conv.weight", "ConvBnFusion_BN_B_net.bn.bias")
    }"""
    tree = analyse(GraphIndex(model(text))).tree
    assert {
        module.path: [held.name for held in module.parameters] for module in tree if module.parameters
    } == {
        "net.conv": ["weight"],
        "net.bn": ["bias"],
    }


GLUON = """g (float[1,3,4,4] x) => (float[1,4] y)
<float[4,3,1,1] net_conv0_weight = {0}, float[4] net_conv0_bias = {0}, float[4,4] net_dense0_weight = {0}> {
  net_conv0_fwd = Conv (x, net_conv0_weight, net_conv0_bias)
  p = GlobalAveragePool (net_conv0_fwd)
  f = Flatten (p)
  ["net_dense0_fwd"] y = MatMul (f, net_dense0_weight)
}"""


def test_an_underscore_ends_the_layer_if_a_reader_writes_a_value_of_the_layer() -> None:
    """Nothing confirms that there is a `net_dense0`: a parameter of the root may have such a name."""
    tree = analyse(GraphIndex(model(GLUON))).tree
    assert list(tree.modules) == ["", "net_conv0"]
    assert [held.name for held in tree["net_conv0"].parameters] == ["weight", "bias"]


def test_a_parameter_of_the_root_with_a_long_name_stays_in_the_root() -> None:
    text = """g (float[2,4] x) => (float[2,4] y) <float[4,4] class_weight = {0}> {
      y = MatMul (x, class_weight)
    }"""
    assert list(analyse(GraphIndex(model(text))).tree.modules) == [""]
