"""Classes of leaves by the form of their nodes: also of weights without a name."""

from __future__ import annotations

import pytest

from rewriter import pipeline
from tests.build import model

CONV = """
g (float[1,2,4,4] x) => (float[1,3,4,4] y)
<float[3,2,1,1] "onnx::Conv_7" = {0}, float[3] "onnx::Conv_8" = {0}>
{ ["/a/conv/Conv"] y = Conv(x, "onnx::Conv_7", "onnx::Conv_8") }
"""
QUANTISED = """
g (float[1,2,4] x) => (float[1,3,4] y) <int8[3,2,1] "w_q" = {0}, float s = {1}, int8 z = {0}>
{
  ["/a/conv/Dequantize"] w = DequantizeLinear("w_q", s, z)
  ["/a/conv/Conv"] y = Conv(x, w)
}
"""
GEMM = """
g (float[2,4] x) => (float[2,4] y) <float[4,4] "fc.weight" = {0}, float[4] "fc.bias" = {0}>
{ ["/fc/Gemm"] y = Gemm<transB = 1>(x, "fc.weight", "fc.bias") }
"""
SILU = """
g (float[2] x) => (float[2] y)
{ ["/act/Sigmoid"] s = Sigmoid(x) ["/act/Mul"] y = Mul(x, s) }
"""
QUICK = """
g (float[2] x) => (float[2] y) <float c = {1.7}>
{ ["/act/Mul"] m = Mul(x, c) ["/act/Sigmoid"] s = Sigmoid(m) ["/act/Mul_1"] y = Mul(x, s) }
"""
TWICE = """
g (float[2] x) => (float[2] y) {
  ["/act/Sigmoid"] s = Sigmoid(x) ["/act/Mul"] h = Mul(x, s)
  ["/act_1/Sigmoid"] t = Sigmoid(h) ["/act_1/Mul"] y = Mul(h, t)
}
"""


CLIP = """
g (float[2] x) => (float[2] y) <float low = {0}>
{ ["/act/Constant"] high = Constant<value = float {6}>() ["/act/Clip"] y = Clip(x, low, high) }
"""
MERGED = """
g (float[2,4] x) => (float[2,4] y) <float[4] "a.norm.weight" = {1}, float[4] "a.norm.bias" = {0}>
{
  ["/a/norm/LayerNormalization"] h = LayerNormalization(x, "a.norm.weight", "a.norm.bias")
  ["/b/norm/LayerNormalization"] y = LayerNormalization(h, "a.norm.weight", "a.norm.bias")
}
"""


@pytest.mark.parametrize(
    ("text", "path", "shown"),
    [
        (CONV, "a.conv", "Conv2d?"),
        (CONV.replace("onnx::Conv_7", "a.conv.weight"), "a.conv", "Conv2d?"),
        (QUANTISED, "a.conv", "Conv1d?"),
        (GEMM, "fc", "Linear?"),
        (GEMM.replace("<transB = 1>", ""), "fc", None),  # the weight of Linear is (outputs, inputs)
        (GEMM.replace("fc.weight", "onnx::Gemm_7").replace("<transB = 1>", ""), "fc", "Linear?"),
        (SILU, "act", "SiLU?"),
        (TWICE, "act", "SiLU?"),
        (QUICK, "act", None),
        (CLIP, "act", "ReLU6?"),
        (CLIP.replace("{6}", "{1}"), "act", None),
        (CLIP.replace("value = float {6}", "value_float = 6.0"), "act", "ReLU6?"),
        (CLIP.replace("value = float {6}", "value_float = 1.0"), "act", None),
        (CLIP.replace("value = float {6}", "value_floats = [6.0, 6.0]"), "act", None),
        (CLIP.replace(", low, high", ", low"), "act", None),
        (CLIP.replace(", low, high", ', "", high'), "act", None),
        (MERGED, "a.norm", "LayerNorm?"),
        (MERGED, "b.norm", "LayerNorm?"),
    ],
)
def test_the_class_of_a_leaf(text: str, path: str, shown: str | None) -> None:
    assert pipeline.load(model(text)).tree[path].shown_class == shown
