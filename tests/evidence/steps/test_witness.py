"""In a file without scopes, only the arithmetic of norms, parts of one operator and numbers are inferred."""

from __future__ import annotations

from rewriter import pipeline
from rewriter.evidence.certainty import Certainty
from tests.build import model


def certain(text: str) -> dict[str, tuple[str, Certainty] | None]:
    """Return first output of a node -> its module and the certainty."""
    analysis = pipeline.load(model(text))
    pairs = zip(analysis.graph.nodes, analysis.tree.placements, strict=True)
    return {node.output[0]: (str(place.module), place.certainty) if place else None for node, place in pairs}


def test_arithmetic_of_a_norm_is_inferred_and_the_sum_around_it_guessed() -> None:
    found = certain(
        """g (float[2,2] x) => (float[2,2] z)
        <float[2,2] "l.a.weight" = {1,2,3,4}, float[2] "l.n.weight" = {1,2},
         float[2,2] "l.b.weight" = {1,2,3,4}>
        {
          u = MatMul(x, "l.a.weight")
          p = Mul(u, u)
          m = ReduceMean(p)
          s = Sqrt(m)
          d = Div(u, s)
          n = Mul(d, "l.n.weight")
          w = MatMul(n, "l.b.weight")
          y = Add(u, w)
          z = Neg(y)
        }"""
    )
    assert {value: found[value] for value in "pmsd"} == dict.fromkeys("pmsd", ("l.n", Certainty.INFERRED))
    assert found["y"] == ("l", Certainty.GUESSED)


def test_a_missing_number_is_inferred() -> None:
    found = certain(
        """g (float[2,2] x) => (float[2,2] y)
        <float[2,2] "net.0.weight" = {1,2,3,4}, float[2,2] "net.2.weight" = {1,2,3,4}>
        { u = MatMul(x, "net.0.weight") v = Relu(u) y = MatMul(v, "net.2.weight") }"""
    )
    assert found["v"] == ("net.1", Certainty.INFERRED)


ROTATED = """g (float[2,2] x) => (float[2,2] y)
<float[2,2] "l.att.q.weight" = {1,2,3,4}, float[2,2] "l.att.k.weight" = {1,2,3,4},
 float[2,2] "l.b.weight" = {1,2,3,4}, float[2,2] val_1 = {1,2,3,4}>
{
  linear = MatMul(x, "l.att.q.weight")
  linear_1 = MatMul(x, "l.att.k.weight")
  q = OPERATOR(linear, val_1)
  k = OPERATOR(linear_1, val_1)
  matmul = MatMul(q, k)
  y = MatMul(matmul, "l.b.weight")
}"""


def test_a_table_in_elementwise_arithmetic_is_no_layer_without_a_name() -> None:
    assert certain(ROTATED.replace("OPERATOR", "Mul"))["matmul"] == ("l.att", Certainty.GUESSED)
    assert certain(ROTATED.replace("OPERATOR", "MatMul"))["matmul"] == ("l", Certainty.GUESSED)


def test_an_activation_that_names_put_into_a_layer_is_in_its_caller() -> None:
    found = certain(
        """g (float[2,2] x) => (float[2,2] y)
        <float[2,2] "l.a.weight" = {1,2,3,4}, float[2,2] "l.b.weight" = {1,2,3,4}>
        {
          linear = MatMul(x, "l.a.weight")
          val_3 = Elu(linear)
          linear_1 = MatMul(val_3, "l.b.weight")
          y = Neg(linear_1)
        }"""
    )
    assert found["val_3"] == ("l", Certainty.GUESSED)


def test_a_reshape_that_a_tool_put_before_several_products_is_in_their_caller() -> None:
    found = certain(
        """g (float[2,2] x) => (float[2,2] y)
        <float[2,2] "l.n.weight" = {1,2,3,4}, float[2,2] "l.att.q.weight" = {1,2,3,4},
         float[2,2] "l.att.k.weight" = {1,2,3,4}, float[2,2] "l.b.weight" = {1,2,3,4}, int64[2] s = {2,2}>
        {
          linear = MatMul(x, "l.n.weight")
          val_9_pre_reshape_out = Reshape(linear, s)
          linear_1 = MatMul(val_9_pre_reshape_out, "l.att.q.weight")
          linear_2 = MatMul(val_9_pre_reshape_out, "l.att.k.weight")
          matmul = MatMul(linear_1, linear_2)
          y = MatMul(matmul, "l.b.weight")
        }"""
    )
    assert found["val_9_pre_reshape_out"] == ("l.att", Certainty.GUESSED)


CELL = """g (float[1,2] x, float[1,2] h) => (float[1,2] z)
<float[2,2] "l.WEIGHT" = {1,2,3,4}, float[2,2] "l.OTHER" = {1,2,3,4}, float[2,2] "l.out.weight" = {1,2,3,4}>
{
  linear = MatMul(x, "l.WEIGHT")
  linear_1 = MatMul(h, "l.OTHER")
  add = Add(linear, linear_1)
  z = MatMul(add, "l.out.weight")
}"""


def test_a_module_computes_between_several_matrices_of_its_own() -> None:
    cell = CELL.replace("WEIGHT", "cell.weight_ih").replace("OTHER", "cell.weight_hh")
    assert certain(cell)["add"] == ("l.cell", Certainty.GUESSED)


def test_between_two_leaves_computes_their_caller() -> None:
    leaves = CELL.replace("WEIGHT", "one.weight").replace("OTHER", "two.weight")
    assert certain(leaves)["add"] == ("l", Certainty.GUESSED)


TOPS = """g (float[1,2] x) => (float[1,2] z)
<float[2,2] "a.weight" = {1,2,3,4}, float[2,2] WEIGHT = {1,2,3,4}, float[2] "c.weight" = {1,2}>
{
  linear = MatMul(x, "a.weight")
  abs = OPERATOR(linear)
  linear_1 = MatMul(abs, WEIGHT)
  z = Mul(linear_1, "c.weight")
}"""


def test_a_step_between_modules_below_the_root_is_guessed_there() -> None:
    text = TOPS.replace("WEIGHT", '"b.weight"').replace("OPERATOR", "Abs")
    assert certain(text)["abs"] == ("", Certainty.GUESSED)


def test_unless_it_may_be_in_a_module_without_a_name() -> None:
    activation = TOPS.replace("WEIGHT", '"b.weight"').replace("OPERATOR", "Relu")
    assert certain(activation)["abs"] is None
    unnamed = TOPS.replace("WEIGHT", "val_3").replace("OPERATOR", "Abs")
    assert certain(unnamed)["abs"] is None


def test_what_computes_an_operand_is_no_part_of_the_layer() -> None:
    found = certain(
        """g (float[1,2] x) => (float[1,2] linear)
        <float[2,2] "m.a.weight" = {1,2,3,4}, float[2] "m.a.bias" = {1,2}>
        { val_1 = OPERATOR(x) linear = Gemm(val_1, "m.a.weight", "m.a.bias") }""".replace("OPERATOR", "Neg")
    )
    assert found["val_1"] is None
