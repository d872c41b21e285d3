import numpy as np
import onnx
import pytest
from onnx import helper, parser

from rewriter.runtime.inputs.feeds import Array, Filling
from rewriter.runtime.inputs.input import FeedError
from rewriter.runtime.inputs.planning import draw, plan

HEADER = '<ir_version: 9, opset_import: ["" : 21]>\n'


def identity(element: int, *dims: int | str) -> onnx.ModelProto:
    value = helper.make_tensor_value_info("x", element, dims)
    result = helper.make_tensor_value_info("y", element, dims)
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [value], [result])
    return helper.make_model(graph, ir_version=11, opset_imports=[helper.make_opsetid("", 24)])


def same(left: list[dict[str, Array]], right: list[dict[str, Array]]) -> bool:
    pairs = zip(left, right, strict=True)
    return all(list(a) == list(b) and all(np.array_equal(a[k], b[k]) for k in a) for a, b in pairs)


def test_a_seed_decides_everything() -> None:
    model = identity(onnx.TensorProto.FLOAT, "n", 4)
    assert same(draw(model, seed=3), draw(model, seed=3))
    assert not same(draw(model, seed=3), draw(model, seed=4))


def test_sets_differ_in_size_and_data() -> None:
    shapes = [feeds["x"].shape for feeds in draw(identity(onnx.TensorProto.FLOAT, "n", 4))]
    assert len(set(shapes)) == 3
    first, second, _ = draw(identity(onnx.TensorProto.FLOAT, 3, 4))
    assert not np.array_equal(first["x"], second["x"])


def test_indices_cover_their_table_and_stay_inside() -> None:
    model = parser.parse_model(
        HEADER + "g (int64[1000] ids) => (float[1000] y) <float[7] w> { y = Gather(w, ids) }"
    )
    for feeds in draw(model):
        assert set(feeds["ids"].tolist()) == set(range(7))


@pytest.mark.parametrize("element", [onnx.TensorProto.INT64, onnx.TensorProto.INT32, onnx.TensorProto.BOOL])
def test_masks_are_ones_then_padded(element: int) -> None:
    first, *later = (feeds["x"] for feeds in draw(identity(element, 5, 6)))
    assert first.all()
    for mask in later:
        rows = mask.astype(np.int64)
        assert (np.diff(rows, axis=-1) <= 0).all()
        assert (rows[:, 0] == 1).all()
        assert not rows.all()


def test_narrow_integers_are_data_over_their_range() -> None:
    array = draw(identity(onnx.TensorProto.UINT8, 1, 3, 32, 32))[0]["x"]
    assert array.dtype == np.uint8
    assert (array.min(), array.max()) == (0, 255)


@pytest.mark.parametrize(
    "name",
    [
        *("FLOAT", "DOUBLE", "FLOAT16", "BFLOAT16", "FLOAT8E4M3FN", "FLOAT8E5M2", "FLOAT4E2M1"),
        *("INT4", "UINT4", "INT8", "UINT16", "UINT64", "BOOL", "STRING"),
    ],
)
@pytest.mark.parametrize("dims", [(), (3, 4), (0, 2)])
def test_every_type_and_rank_is_drawn_in_its_own_dtype(name: str, dims: tuple[int, ...]) -> None:
    element = onnx.TensorProto.DataType.Value(name)
    array = draw(identity(element, *dims))[1]["x"]
    assert isinstance(array, np.ndarray)
    assert array.shape == dims
    assert array.dtype == (object if name == "STRING" else helper.tensor_dtype_to_np_dtype(element))


def test_plain_integers_are_ones_or_zeros_where_asked_for() -> None:
    model = parser.parse_model(
        HEADER + "g (int64[2] n, int64[2] i, int64[2] j) => (float[2] y, float[2] z, int64[2] k) "
        "<float[7] w, float[1] v> { y = Gather(w, i) z = Gather(v, j) k = Neg(n) }"
    )
    drawing = plan(model)
    (only,) = drawing.choices()
    ones = drawing.fill(only, 1, filling=Filling.ONES)
    assert {name: array.tolist() for name, array in ones.items()} == {"n": [1, 1], "i": [1, 1], "j": [0, 0]}
    zeros = drawing.fill(only, 1, filling=Filling.ZEROS)
    assert not any(array.any() for array in zeros.values())


def test_a_model_without_inputs_gets_empty_sets() -> None:
    model = parser.parse_model(HEADER + "g () => (float y) { y = Constant<value_float = 1.0>() }")
    assert draw(model) == [{}, {}, {}]


def test_an_input_too_large_to_draw_is_named() -> None:
    with pytest.raises(FeedError, match="'x' has 1000000000000 elements"):
        draw(identity(onnx.TensorProto.FLOAT, 10**6, 10**6))


def test_dimensions_that_cannot_hold_are_said() -> None:
    model = identity(onnx.TensorProto.FLOAT, "n", "n - n - n")
    with pytest.raises(FeedError, match="no sizes satisfy"):
        draw(model)
