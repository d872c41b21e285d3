"""A leaf takes the nodes that prepare its weight."""

from __future__ import annotations

from rewriter.model.index.graph import GraphIndex
from rewriter.modules.build import analyse
from tests.build import model


def test_a_leaf_keeps_the_node_that_dequantises_its_weight() -> None:
    """The parent takes it in a leaf without weights, such as an activation."""
    text = """g (float[1,2,4,4] x) => (float[1,2,4,4] y)
    <int8[2,2,1,1] "onnx::Conv_9_quantized" = {1,2,3,4}, float "onnx::Conv_9_scale" = {0.5}> {
      ["onnx::Conv_9_DequantizeLinear"] w = DequantizeLinear ("onnx::Conv_9_quantized", "onnx::Conv_9_scale")
      ["/block/conv/Conv"] a = Conv (x, w)
      ["/block/act/Relu"] y = Relu (a)
    }"""
    tree = analyse(GraphIndex(model(text))).tree
    assert [place and place.module for place in tree.placements] == ["block.conv", "block.conv", "block.act"]
