from __future__ import annotations

import pytest
from onnx import TensorProto, helper

from rewriter.cutting.extract import Target
from rewriter.edits.pieces.border import Border, Crossing
from rewriter.edits.pieces.matching import MatchedEnds, match
from rewriter.errors import CannotImplant
from rewriter.paths import ModulePath
from tests.edits.layers import parsed


def crossing(name: str, shape: list[int | str | None], element: int = TensorProto.FLOAT) -> Crossing:
    return Crossing(name, name, helper.make_tensor_type_proto(element, shape))


BORDER = Border(
    Target((ModulePath("m"),)),
    0,
    frozenset({1}),
    (crossing("h", ["N", 4]), crossing("mask", ["N"], TensorProto.BOOL), crossing("g", ["N", 4])),
    (crossing("y", ["N", 4]),),
)


def matched(inputs: str, outputs: str = "float[N, 4] y") -> MatchedEnds:
    return match(BORDER, parsed(f"g ({inputs}) => ({outputs}) {{ y = Op (h) }}"), "p.onnx")


def test_by_name() -> None:
    assert matched("float[N, 4] g, float[2, 4] h").inputs == {"g": "g", "h": "h"}


def test_an_input_may_be_left_out() -> None:
    assert matched("float[N, 4] h").outputs == {"y": "y"}


def test_by_type_where_there_is_one_way() -> None:
    found = matched("bool[1] m, float[1, 4] g, float[1, 4] z", "float[1, 4] o")
    assert found.inputs == {"m": "mask", "g": "g", "z": "h"}
    assert found.outputs == {"o": "y"}


@pytest.mark.parametrize(
    ("inputs", "outputs", "fault"),
    [
        ("float[1, 4] a, bool[1] mask, float[1, 4] z", "float[1, 4] y", "input 'a' may be 'h' or 'g' of m"),
        ("float16[N, 4] h", "float[N, 4] y", "input 'h' is float16 N x 4, and 'h' of m is float N x 4"),
        ("float[N, 4, 1] h", "float[N, 4] y", "input 'h' is float N x 4 x 1"),
        ("float[N, 5] h", "float[N, 4] y", "input 'h' is float N x 5"),
        ("float[N, 4] k", "float[N, 4] y", "m has no input of these names: 'k'"),
        ("float[N, 4] h", "float[N, 4] y, float[N] z", "m has no output of these names: 'z'"),
        ("float[N, 4] h", "float[N] z", "output 'z' is float N, and 'y' of m is float N x 4"),
        ("int64 a, bool[1] mask, float[1, 4] g", "float[N, 4] y", "input 'a' is int64 scalar, and 'h'"),
    ],
)
def test_a_mismatch_is_one_line(inputs: str, outputs: str, fault: str) -> None:
    with pytest.raises(CannotImplant) as told:
        matched(inputs, outputs)
    assert str(told.value).startswith(f"p.onnx: {fault}")
    assert "\n" not in str(told.value)


def test_a_missing_output() -> None:
    border = Border(BORDER.target, 0, BORDER.nodes, BORDER.inputs, (crossing("y", []), crossing("z", [])))
    with pytest.raises(CannotImplant, match="has no output 'z', which other nodes read from m"):
        match(border, parsed("g (float[N, 4] h) => (float y) { y = Op (h) }"), "p.onnx")
