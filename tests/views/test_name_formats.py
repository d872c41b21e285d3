"""Checks that other tools understand the names in their formats."""

import json

import onnx
from onnxruntime.transformers.float16 import convert_float_to_float16

import rewriter
from tests.exports import EXPORTS


def test_the_converter_to_fp16_keeps_the_named_nodes_in_fp32() -> None:
    path = EXPORTS / "bert" / "ts.onnx"
    chosen = rewriter.open(path).select("model.encoder.layer.0.attention.self.query")
    keywords = json.loads(chosen.text("ort-fp16"))
    half = convert_float_to_float16(onnx.load(path), **keywords)
    weights = {tensor.name: tensor.data_type for tensor in half.graph.initializer}
    stem = "model.encoder.layer.0.attention.self"
    assert weights[f"{stem}.query.bias"] == onnx.TensorProto.FLOAT
    assert weights[f"{stem}.key.bias"] == onnx.TensorProto.FLOAT16
