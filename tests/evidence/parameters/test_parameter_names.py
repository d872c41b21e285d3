"""Nodes belong to the owners of the weights that they read: dequantised ones, and variables of TensorFlow."""

from __future__ import annotations

from rewriter.model.index.graph import GraphIndex
from rewriter.modules.build import analyse
from rewriter.modules.module import ModuleTree
from tests.build import model


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
    assert tree.placements[2] is None


def test_a_dequantised_weight_of_several_readers_places_none_of_them() -> None:
    """It may be tied, or stand for equal weights."""
    text = DEQUANTISED.replace("y = MatMul (x, w)", "a = MatMul (x, w) y = MatMul (a, w)")
    tree = tree_of(text.replace("DATA", '"fc.weight_quantized"'))
    assert [place and place.module for place in tree.placements] == ["fc", None, None]
