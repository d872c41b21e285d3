from __future__ import annotations

import onnx
import pytest

from rewriter.model.operator_set.ir_version import (
    allow_functions,
    fills_inputs,
    initialized,
    list_initializers,
)


def old(version: int) -> onnx.ModelProto:
    """Two weights, one of them listed as an input, between two real inputs."""
    return onnx.parser.parse_model(
        f'<ir_version: {version}, opset_import: ["" : 9]> '
        "g (float[2] x, float[2] w, float[2] z) => (float[2] y) <float[2] w = {1, 2}, float[2] v = {3, 4}> "
        "{ a = Add(x, w) b = Add(a, v) y = Add(b, z) }"
    )


@pytest.mark.parametrize("version", [1, 2, 3, 4, 9, 10])
def test_initializers_are_constants_below_version_four(version: int) -> None:
    assert fills_inputs(old(version)) == (version < 4)


def test_constants_leave_the_inputs_where_they_would_become_defaults() -> None:
    model = old(3)
    assert allow_functions(model) == 1
    assert [info.name for info in model.graph.input] == ["x", "z"]
    assert model.ir_version == 8
    assert initialized(model) == {"w", "v"}


@pytest.mark.parametrize(("version", "raised"), [(4, 8), (7, 8), (8, 8), (9, 9), (13, 13)])
def test_defaults_stay_inputs(version: int, raised: int) -> None:
    model = old(version)
    assert allow_functions(model) == 0
    assert [info.name for info in model.graph.input] == ["x", "w", "z"]
    assert model.ir_version == raised


def test_sparse_constants_leave_as_well() -> None:
    model = old(3)
    values = onnx.helper.make_tensor("z", onnx.TensorProto.FLOAT, [1], [1.0])
    places = onnx.helper.make_tensor("places", onnx.TensorProto.INT64, [1], [0])
    model.graph.sparse_initializer.append(onnx.helper.make_sparse_tensor(values, places, [2]))
    assert allow_functions(model) == 2


def test_constants_are_listed_where_the_version_asks_for_it() -> None:
    model, newer, told = old(3), old(4), old(3)
    for each in (model, newer):
        list_initializers(each)
    list_initializers(told, {"v"})
    assert [info.name for info in model.graph.input] == ["x", "w", "z", "v"]
    assert model.graph.input[3].type == model.graph.input[1].type
    assert (newer, told) == (old(4), old(3))
