"""Small models with weights, named as torch's exporters name them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from rewriter.model.tensors import Array

FLOAT = TensorProto.FLOAT
ACT = "/act/Relu_output_0"


def drawn(*shape: int, seed: int = 0) -> Array:
    """Draw numbers of float32."""
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def node(operator: str, name: str, reads: Sequence[str], writes: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(operator, list(reads), [writes], name=name, **attributes)


def model(
    nodes: Sequence[onnx.NodeProto], weights: Mapping[str, Array], width: int = 4, out: str = "y"
) -> onnx.ModelProto:
    """Make a model `x[2, width] -> out`."""
    graph = helper.make_graph(
        list(nodes),
        "main_graph",
        [helper.make_tensor_value_info("x", FLOAT, [2, width])],
        [helper.make_tensor_value_info(out, FLOAT, None)],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], producer_name="pytorch")
    made.ir_version = 8
    return made


def two_layers(**weights: Array) -> onnx.ModelProto:
    """`fc2(relu(fc1(x))) * 0.5` by TorchScript: MatMul reads the transpose, and biases have their names."""
    given = {
        "onnx::MatMul_7": drawn(4, 3, seed=1),
        "fc1.bias": drawn(3, seed=2),
        "fc2.weight": drawn(2, 3, seed=3),
        "fc2.bias": drawn(2, seed=4),
        **weights,
    }
    half = helper.make_node("Constant", [], ["/Constant_output_0"], name="/Constant", value_float=0.5)
    half.ClearField("attribute")
    half.attribute.append(helper.make_attribute("value", numpy_helper.from_array(np.array(0.5, np.float32))))
    return model(
        [
            half,
            node("MatMul", "/fc1/MatMul", ["x", "onnx::MatMul_7"], "/fc1/MatMul_output_0"),
            node("Add", "/fc1/Add", ["fc1.bias", "/fc1/MatMul_output_0"], "/fc1/Add_output_0"),
            node("Relu", "/act/Relu", ["/fc1/Add_output_0"], ACT),
            node(
                "Gemm",
                "/fc2/Gemm",
                ["/act/Relu_output_0", "fc2.weight", "fc2.bias"],
                "/fc2/Gemm_output_0",
                transB=1,
            ),
            node("Mul", "/Mul", ["/fc2/Gemm_output_0", "/Constant_output_0"], "y"),
        ],
        given,
    )


def state_of_two_layers(seed: int = 10) -> dict[str, Array]:
    """Return new weights for `two_layers`."""
    return {
        "fc1.weight": drawn(3, 4, seed=seed),
        "fc1.bias": drawn(3, seed=seed + 1),
        "fc2.weight": drawn(2, 3, seed=seed + 2),
        "fc2.bias": drawn(2, seed=seed + 3),
    }


def run_two_layers(state: Mapping[str, Array], x: Array) -> Array:
    """Compute what `two_layers` computes with the weights of a state dict."""
    hidden = np.maximum(x @ state["fc1.weight"].T + state["fc1.bias"], 0)
    result: Array = (hidden @ state["fc2.weight"].T + state["fc2.bias"]) * 0.5
    return result
