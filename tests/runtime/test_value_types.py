from __future__ import annotations

import numpy as np
import onnx
import pytest

from rewriter.runtime.value_types import infer_types
from tests.build import model


def shape_of(info: onnx.ValueInfoProto) -> list[int | str]:
    return [d.dim_value or d.dim_param for d in info.type.tensor_type.shape.dim]


def test_types_come_from_shape_inference() -> None:
    source = model(
        "g (float[N, 3] x) => (float[N] y) { a = Transpose (x) b = ReduceSum <keepdims = 0> (a, axes)"
        " y = Identity (b) }".replace("=> (float[N] y)", "=> (float[N] y) <int64[1] axes = {0}>")
    )
    found = infer_types(source, ["a", "b"])
    assert {name: shape_of(info) for name, info in found.items()} == {"a": [3, "N"], "b": ["N"]}


def test_operators_of_runtimes_are_left_to_onnxruntime() -> None:
    source = model('g (float[2, 3] x) => (float[2, 3] y) { ["g"] a = com.microsoft.Gelu (x) y = Abs (a) }')
    source.opset_import.add(domain="com.microsoft", version=1)
    assert shape_of(infer_types(source, ["a"])["a"]) == [2, 3]


def test_large_weights_are_not_needed_and_stay() -> None:
    weight = onnx.numpy_helper.from_array(np.zeros((64, 64), np.float32), "w")
    source = model(
        "g (float[2, 64] x) => (float[2, 64] y) { a = MatMul (x, w) b = com.microsoft.Gelu (a) y = Abs (b) }"
    )
    source.graph.initializer.append(weight)
    source.opset_import.add(domain="com.microsoft", version=1)
    found = infer_types(source, ["a", "b"])
    assert [shape_of(found[name]) for name in "ab"] == [[2, 64], [2, 64]]
    assert source.graph.initializer[0] == weight


@pytest.mark.parametrize("text", ["g (float[2] x) => (float[2] y) { y = mine.Secret (a) a = Abs (b) }"])
def test_what_nobody_can_tell_is_left_out(text: str) -> None:
    source = model(text)
    source.opset_import.add(domain="mine", version=1)
    assert infer_types(source, ["a", "nothing"]) == {}


def test_a_timeout_tells_nothing() -> None:
    assert infer_types(model("g (float[2] x) => (float[2] y) { y = Abs (x) }"), ["y"], timeout=0.001) == {}
