"""Weights into which a tool folded a norm, and those into which it may have."""

from __future__ import annotations

import pytest

from rewriter.evidence.parameters.folded_weights import FoldedWeight, doubtful, folds
from rewriter.model.index.graph import GraphIndex
from rewriter.paths import ModulePath
from tests.build import model

BN = ModulePath("bn")


def layer(
    node: str = "n0", result: str = "t0", weight: str = "c.weight", bias: str = "c.bias", **metadata: str
) -> GraphIndex:
    """Return a convolution whose result a Relu reads."""
    text = f"""g (float[1,2,4,4] x) => (float[1,2,4,4] y)
    <float[2,2,1,1] "{weight}" = {{1,2,3,4}}, float[2] "{bias}" = {{1,2}}> {{
      ["{node}"] "{result}" = Conv(x, "{weight}", "{bias}")
      [r] y = Relu("{result}")
    }}"""
    return GraphIndex(model(text, **({node: metadata} if metadata else {})))


def found(graph: GraphIndex, norms: dict[int, ModulePath] | None = None) -> dict[str, FoldedWeight]:
    return {graph.value_names[value]: fold for value, fold in folds(graph, norms or {}).items()}


@pytest.mark.parametrize(
    "graph",
    [
        layer(result="getitem_3"),
        layer(**{"pkg.onnxscript.rewriter.rule_name": "FuseBatchNormIntoConv"}),
    ],
)
def test_a_record_or_the_result_shows_a_fold(graph: GraphIndex) -> None:
    assert found(graph) == {"c.weight": FoldedWeight(is_bias=False), "c.bias": FoldedWeight(is_bias=True)}


def test_a_bias_of_zeros_may_be_gone_after_the_fold() -> None:
    text = """g (float[1,2,4,4] x) => (float[1,2,4,4] y)
    <float[2,2,1,1] "c.weight" = {1,2,3,4}> {
      [node_Conv_3] t0 = Conv(x, "c.weight")
      [r] y = Relu(t0)
    }"""
    rules = {"pkg.onnxscript.rewriter.rule_name": "FuseBatchNormIntoConv, RemoveOptionalBiasFromConv"}
    assert found(GraphIndex(model(text, node_Conv_3=rules))) == {"c.weight": FoldedWeight(is_bias=False)}
    without = GraphIndex(model(text))
    assert found(without) == {}
    assert not doubtful(without)(without.value("c.weight"))


def test_the_exporter_names_the_norm() -> None:
    assert found(layer(), {0: BN}) == {
        "c.weight": FoldedWeight(is_bias=False, norm=BN),
        "c.bias": FoldedWeight(is_bias=True, norm=BN),
    }


def test_a_new_bias_is_named_after_the_weight() -> None:
    for weight in ("c.weight", "c.weight_quantized"):
        folded = found(layer(weight=weight, bias="c.weight_bias"))
        assert folded == {
            weight: FoldedWeight(is_bias=False),
            "c.weight_bias": FoldedWeight(is_bias=True, argument="0"),
        }


def test_onnxruntime_names_the_norm_in_the_bias() -> None:
    folded = found(layer(weight="ConvBnFusion_W_c.weight", bias="ConvBnFusion_BN_B_bn.bias"), {0: BN})
    assert [fold.formula("c.weight") for fold in folded.values()] == [
        "c.weight * bn",
        "bn(bias of the layer)",
    ]


def test_onnxruntime_also_folds_constants() -> None:
    folded = found(layer(weight="ConvMulFusion_W_c.weight", bias="ConvAddFusion_B_c.bias"))
    assert {name: fold.formula("c") for name, fold in folded.items()} == {
        "ConvMulFusion_W_c.weight": "c * unnamed factor",
        "ConvAddFusion_B_c.bias": "c + unnamed summand",
    }


def test_formulas() -> None:
    assert FoldedWeight(is_bias=True, norm=BN).formula("c.bias") == "bn(c.bias)"
    assert FoldedWeight(is_bias=False).formula("c.weight") == "c.weight * unnamed norm"


@pytest.mark.parametrize(
    ("node", "result", "expected"),
    [
        ("n0", "t0", True),
        ("node_Conv_31", "relu", True),
        ("n0", "y_", True),
        ("node_conv2d_3", "t0", False),
        ("n0", "conv2d_3", False),
        ("/c/Conv", "t0", False),
        ("n0", "/c/Conv_output_0", False),
        ("Conv_12", "t0", False),
        ("fused node_linear", "relu", False),
    ],
)
def test_names_show_that_nothing_was_folded(node: str, result: str, expected: bool) -> None:
    graph = layer(node, result)
    is_doubtful = doubtful(graph)
    assert [is_doubtful(value) for value in graph.initializers] == [expected, expected]


def test_a_layer_without_bias_has_no_folded_norm() -> None:
    graph = GraphIndex(
        model("""g (float[1,2,4,4] x) => (float[1,2,4,4] y) <float[2,2,1,1] "c.weight" = {1,2,3,4}>
        { [n] y = Conv(x, "c.weight") }""")
    )
    assert not any(map(doubtful(graph), graph.initializers))
    assert not folds(graph, {})


def test_the_bias_of_a_quantised_layer_is_read_by_a_sum() -> None:
    text = """g (uint8[2,2] x) => (float[2,2] y)
    <int8[2,2] "fc.weight_quantized" = {1,2,3,4}, float[2] "fc.bias" = {1,2}> {
      a = MatMulInteger(x, "fc.weight_quantized")
      b = Cast<to=1>(a)
      [NAME] y = Add(b, "fc.bias")
    }"""
    for name, expected in (("node_Gemm_14_Add", True), ("node_linear_2_Add", False)):
        graph = GraphIndex(model(text.replace("NAME", name)))
        bias = graph.value("fc.bias")
        assert doubtful(graph)(bias) is expected
