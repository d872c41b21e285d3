from __future__ import annotations

import numpy as np
import onnx
import pytest

from rewriter.runtime.infer.value_types import ask, infer_types, stated
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


def test_an_unknown_rank_is_no_scalar() -> None:
    source = model(
        "g (float[n] x, float u, int64[k] s) => (float[n] y) "
        "{ a = com.microsoft.Gelu (u) b = Reshape (x, s) c = com.microsoft.Gelu (b) y = Identity (x) }"
    )
    source.opset_import.add(domain="com.microsoft", version=1)
    found = infer_types(source, ["a", "c"])
    assert found["a"].type.tensor_type.HasField("shape") and shape_of(found["a"]) == []
    assert not found["c"].type.tensor_type.HasField("shape")
    assert found["c"].type.tensor_type.elem_type == onnx.TensorProto.FLOAT


def test_sizes_that_inference_names_are_not_said() -> None:
    info = onnx.helper.make_tensor_value_info("a", onnx.TensorProto.FLOAT, ["unk__7", "batch", 3])
    assert not stated(info).type.tensor_type.shape.dim[0].WhichOneof("value")
    assert shape_of(stated(info))[1:] == ["batch", 3]
    assert shape_of(info) == ["unk__7", "batch", 3]


CONCAT = """g (uint8[2,3] x) => (uint8[4,3] y) <float s = {0.5}, uint8 z = {0}> {
    a = com.microsoft.QLinearConcat <axis = 0> (s, z, x, s, z, x, s, z)
    b = com.microsoft.QLinearAdd (x, s, z, x, s, z, s, z)
    c = com.microsoft.Unknown (x)
    d = com.microsoft.QLinearConcat <axis = 0> (s, z, c, s, z, x, s, z)
    y = com.microsoft.QLinearConcat <axis = 0> (s, z, b, s, z, x, s, z)
}"""


def test_nodes_that_load_in_no_function_are_told() -> None:
    """One that onnxruntime does not know is not judged, nor one on values of types that nobody knows."""
    source = model(CONCAT)
    source.opset_import.add(domain="com.microsoft", version=1)
    assert ask(source, [], [0, 1, 2, 3, 4]).refused == {0}
    del source.graph.node[2:4]
    found = ask(source, ["a"], [0, 1, 2])
    assert found.refused == {0, 2}
    assert shape_of(found.types["a"]) == [4, 3]


@pytest.mark.parametrize("text", ["g (float[2] x) => (float[2] y) { y = mine.Secret (a) a = Abs (b) }"])
def test_what_nobody_can_tell_is_left_out(text: str) -> None:
    source = model(text)
    source.opset_import.add(domain="mine", version=1)
    assert infer_types(source, ["a", "nothing"]) == {}


def test_a_timeout_tells_nothing(processes_are_real: None) -> None:
    assert infer_types(model("g (float[2] x) => (float[2] y) { y = Abs (x) }"), ["y"], timeout=0.001) == {}
