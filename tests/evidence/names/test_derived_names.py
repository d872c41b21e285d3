"""Names that tools derive from other names, and nodes that tools make from one node."""

from __future__ import annotations

import onnx
import pytest

import rewriter
from rewriter.evidence.names.derived_names import node_named_by, parameter_named_by, value_named_by
from tests.exports import EXPORTS


@pytest.mark.parametrize(
    ("made", "of"),
    [
        ("/x/MatMul/MatMulAddFusion", "/x/MatMul"),
        ("/x/MatMul/MatMulAddFusion/y", "/x/MatMul/MatMulAddFusion/y"),
        ("/x//MatMulAddFusion//GeluFusion_quant/duplicated//", "/x"),
        ("/x/Mul-AFusion/BFusion", "/x/Mul-AFusion"),
        ("/x/Mul/QuickGeluFusion/", "/x/Mul"),
        ("/x/Mul/AFusion/BFusion/", "/x/Mul"),
        ("fused /fc/Gemm", "/fc/Gemm"),
        ("_inlfunc_layer_/model/x/Add", "/model/x/Add"),
        ("/x/Add_DequantizeLinear/duplicated", "/x/Add_DequantizeLinear"),
        ("/duplicated/MatMul", "/duplicated/MatMul"),
        ("/fusion/MatMul", "/fusion/MatMul"),
        ("node_linear", "node_linear"),
        pytest.param("//aFusion" * 100 + "//x", "//aFusion" * 100 + "//x", id="many-fusions"),
    ],
)
def test_names_of_nodes(made: str, of: str) -> None:
    assert node_named_by(made) == of


@pytest.mark.parametrize(
    ("made", "of"),
    [
        ("/x/MatMul_output_0_gemm_out", "/x/MatMul_output_0"),
        ("/x/MatMul_output_0quant_scaled_output", "/x/MatMul_output_0"),
        ("/x/MatMul_output_0", "/x/MatMul_output_0"),
        ("linear_3", "linear_3"),
    ],
)
def test_names_of_values(made: str, of: str) -> None:
    assert value_named_by(made) == of


@pytest.mark.parametrize(
    ("made", "of"),
    [
        ("fc.weight_DQ_Q4", "fc.weight"),
        ("fc.weight_Transposed_quantized", "fc.weight"),
        ("fc.weight_DQ", "fc.weight_DQ"),
    ],
)
def test_names_of_weights(made: str, of: str) -> None:
    assert parameter_named_by(made) == of


QUANTISED = """<ir_version: 10, opset_import: ["" : 20]>
g (float[1,2,4,4] x) => (float[1,3,4,4] y)
<uint8[3,2,1,1] "block.conv.weight_quantized" = {1,2,3,4,5,6}, float "block.conv.weight_scale" = {0.5},
 float[3,1,1] "block.conv.bias_reshaped" = {1,2,3}>
{
  [x_QuantizeLinear] x_quantized, x_scale, x_zero = DynamicQuantizeLinear(x)
  [node_Conv_1_quant] RESULT_output_quantized = ConvInteger(x_quantized, "block.conv.weight_quantized")
  [cast] RESULT_output_quantized_cast = Cast<to = 1>(RESULT_output_quantized)
  [node_Conv_1_quant_scales_mul] "node_Conv_1_quant_scales_mul:0" = Mul(x_scale, "block.conv.weight_scale")
  [node_Conv_1_quant_output_scale_mul]
    RESULTquant_scaled_output = Mul(RESULT_output_quantized_cast, "node_Conv_1_quant_scales_mul:0")
  [RESULT_bias_add] RESULT = Add(RESULTquant_scaled_output, "block.conv.bias_reshaped")
  [node_relu] y = Relu(RESULT)
}"""


@pytest.mark.parametrize("result", ["conv2d", "getitem"])
def test_parts_of_a_quantised_node_stand_together(result: str) -> None:
    """`getitem` is a result of a batch norm that was folded into the convolution."""
    tree = rewriter.tree(onnx.parser.parse_model(QUANTISED.replace("RESULT", result)))
    parts = [placement.module if placement else None for placement in tree.placements[1:6]]
    assert parts == ["block.conv"] * 5


def test_what_onnxruntime_inlined_is_told_by_the_values_noted_on_the_model() -> None:
    annotated = rewriter.rewrite(EXPORTS / "bert" / "dy.onnx", numbers=False).analysis
    model = onnx.ModelProto()
    model.CopyFrom(annotated.model)
    written = {name for node in model.graph.node for name in node.output}
    renamed = {name: f"_inlfunc_Some_Function_token_7_{name}" for name in written if name}
    for node in model.graph.node:
        del node.metadata_props[:]
        node.name = ""
        node.input[:] = [renamed.get(name, name) for name in node.input]
        node.output[:] = [renamed.get(name, name) for name in node.output]
    for info in model.graph.output:
        info.name = renamed[info.name]
    found = rewriter.tree(model)
    expected = [placement.module for placement in annotated.tree.placements if placement]
    assert [placement.module if placement else None for placement in found.placements] == expected


def test_bodies_that_were_inlined_twice_are_nobodys() -> None:
    annotated = rewriter.rewrite(EXPORTS / "bert" / "dy.onnx", numbers=False).analysis.model
    model = onnx.ModelProto()
    model.CopyFrom(annotated)
    for node in model.graph.node:
        del node.metadata_props[:]
    (written,) = [node for node in model.graph.node if "embedding" in node.output]
    twin = model.graph.node.add()
    twin.CopyFrom(written)
    twin.output[:] = ["_inlfunc_Embedding_token_3_embedding"]
    placed = [placement.module if placement else "" for placement in rewriter.tree(model).placements]
    sources = rewriter.tree(model).by_source
    assert sources["rewriter"] == len(model.graph.node) - 2
    assert placed[-1] != "model.embeddings.position_embeddings"
