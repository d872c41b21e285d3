import onnx
import pytest
from onnx import parser

from rewriter.runtime.inputs.input import FeedError, evaluate, names_in
from rewriter.runtime.inputs.signature import signature

HEADER = '<ir_version: 9, opset_import: ["" : 21]>\n'


def test_inputs_that_initializers_fill_are_not_fed() -> None:
    model = parser.parse_model(
        '<ir_version: 3, opset_import: ["" : 9]> g (float[2] x, float[2] w) => (float[2] y) '
        "<float[2] w = {1, 2}> { y = Add(x, w) }"
    )
    assert [each.name for each in signature(model)] == ["x"]


def test_dimensions_are_sizes_symbols_or_unknown() -> None:
    model = parser.parse_model(HEADER + "g (float[2, n, ?] x) => (float[2, n, ?] y) { y = Neg(x) }")
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = -1
    assert signature(model)[0].dims == (None, "n", None)


def test_a_tensor_of_unknown_rank_has_no_dimensions() -> None:
    model = parser.parse_model(HEADER + "g (float[] x) => (float[] y) { y = Neg(x) }")
    model.graph.input[0].type.tensor_type.ClearField("shape")
    assert signature(model)[0].dims is None


@pytest.mark.parametrize(
    ("type_text", "said"),
    [("seq(float[2])", "sequence"), ("optional(float[2])", "optional"), ("map(int64, float[2])", "map")],
)
def test_an_input_that_is_no_tensor_is_named_with_its_kind(type_text: str, said: str) -> None:
    model = parser.parse_model(HEADER + f"g ({type_text} odd) => ({type_text} y) {{ y = Identity(odd) }}")
    with pytest.raises(FeedError, match=f"'odd' is no tensor .{said}"):
        signature(model)


def test_an_unknown_element_type_is_named() -> None:
    model = parser.parse_model(HEADER + "g (float[2] x) => (float[2] y) { y = Neg(x) }")
    for element in (onnx.TensorProto.UNDEFINED, 999):
        model.graph.input[0].type.tensor_type.elem_type = element
        with pytest.raises(FeedError, match=f"unknown element type .{element}"):
            signature(model)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("past", 4),
        ("past + new", 7),
        ("2*past - new", 5),
        ("(past + new)//2", 3),
        ("past + other", None),
        ("past ** new", None),
        ("__import__('os').getcwd()", None),
        ("past // 0", None),
        ("batch-size", 9),
        ("(" * 190, None),
        ("not python", None),
    ],
)
def test_only_integer_arithmetic_on_known_names_is_evaluated(text: str, size: int | None) -> None:
    assert evaluate(text, {"past": 4, "new": 3, "batch-size": 9}) == size


def test_a_lone_name_is_no_arithmetic() -> None:
    assert names_in("batch") == frozenset()
    assert names_in("a + b") == {"a", "b"}
