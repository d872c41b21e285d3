"""Vectors with added dimensions of size 1 get the names of their parameters."""

from __future__ import annotations

from rewriter.model.index.graph import GraphIndex
from rewriter.modules.build import analyse
from tests.build import model


def named(text: str) -> dict[str, str]:
    """Return initializer -> its parameter, for initializers that have another name."""
    found = analyse(GraphIndex(model(text))).parameters
    return {claim.initializer: claim.name for claim in found if claim.initializer != claim.name}


NORM = """g (float[1,8,2,2] x) => (float[1,8,2,2] y)
<float[8,1,1] "onnx::Mul_5" = {0}, float[8,1,1] "onnx::Add_6" = {0}, float[2] one = {1,1},
 float[2] zero = {0,0}, int64[3] groups = {1,2,16}, int64[4] shape = {1,8,2,2}> {
  ["/gn/Reshape"] a = Reshape(x, groups)
  ["/gn/InstanceNormalization"] b = InstanceNormalization(a, one, zero)
  ["/gn/Reshape_1"] c = Reshape(b, shape)
  ["/gn/Mul"] d = Mul(c, "onnx::Mul_5")
  ["/gn/Add"] y = Add(d, "onnx::Add_6")
}"""


def test_a_group_norm_has_a_weight_and_a_bias() -> None:
    assert named(NORM) == {"onnx::Mul_5": "gn.weight", "onnx::Add_6": "gn.bias"}


def test_a_slope_is_the_weight() -> None:
    text = """g (float[1,8,2,2] x) => (float[1,8,2,2] y)
    <float[8,1,1] "onnx::PRelu_5" = {0}> { ["/act/PRelu"] y = PRelu(x, "onnx::PRelu_5") }"""
    assert named(text) == {"onnx::PRelu_5": "act.weight"}


def test_a_module_of_another_kind_may_call_its_parameters_as_it_likes() -> None:
    text = """g (float[1,8,2,2] x) => (float[1,8,2,2] y)
    <float[8,1,1] "onnx::Mul_5" = {0}, float[8,1,1] "onnx::Add_6" = {0}> {
      ["/scale/Mul"] a = Mul(x, "onnx::Mul_5")
      ["/scale/Add"] y = Add(a, "onnx::Add_6")
    }"""
    assert named(text) == {}


def test_a_norm_that_does_more_is_no_leaf_of_that_kind() -> None:
    assert (
        named(
            NORM.replace('y = Add(d, "onnx::Add_6")', 'e = Add(d, "onnx::Add_6")\n["/gn/Relu"] y = Relu(e)')
        )
        == {}
    )
    assert (
        named(NORM.replace('["/gn/Reshape"]', '["/gn/part/Reshape"]').replace("/gn/Inst", "/gn/part/Inst"))
        == {}
    )
