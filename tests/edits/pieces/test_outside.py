"""The proof finds every fault that is put in on the way."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest

from rewriter import pipeline
from rewriter.cutting.check import Checking
from rewriter.cutting.extract import Target
from rewriter.edits.pieces.border import borders_of
from rewriter.edits.pieces.joining import join
from rewriter.edits.pieces.matching import match
from rewriter.edits.pieces.outside import certify_outside, first_change
from rewriter.edits.pieces.seats import Seat, Seated
from rewriter.paths import ModulePath
from tests.edits.layers import layer, parsed, whole

PIECE = layer("<float[2] k = {1.0, 2.0}> { a = Add (b, k) y = Neg (a) }")


def joined(piece: onnx.ModelProto = PIECE) -> tuple[onnx.ModelProto, onnx.ModelProto, Seated]:
    analysis = pipeline.load(whole())
    target = Target((ModulePath("l.1"),))
    border = borders_of(analysis, [target], Checking(numbers=False))[target]
    seat = Seat(border, piece, "p", match(border, piece, "p"))
    model, [seated] = join(analysis.graph, [seat], Path())
    return analysis.model, model, seated


def test_a_faithful_result() -> None:
    before, after, seated = joined()
    assert certify_outside(before, after, [seated], Path()).equal
    assert first_change(after, seated, Path()) is None


def rewire(model: onnx.ModelProto) -> None:
    model.graph.node[2].input[0] = "x"


def weigh(model: onnx.ModelProto) -> None:
    model.graph.initializer[0].float_data[0] = 7


def read_other(model: onnx.ModelProto) -> None:
    model.graph.node[4].input[0] = "a"


def write_other(model: onnx.ModelProto) -> None:
    model.graph.node[5].output[0] = "other"
    model.graph.node.add(op_type="Relu", input=["b"], output=["y"])


@pytest.mark.parametrize("fault", [rewire, weigh])
def test_a_fault_outside(fault: Callable[[onnx.ModelProto], None]) -> None:
    before, after, seated = joined()
    fault(after)
    assert not certify_outside(before, after, [seated], Path()).equal


def test_a_wrong_output() -> None:
    _, after, seated = joined(parsed("g (float[N, 2] b) => (float[N, 2] b) {}"))
    assert first_change(after, seated, Path()) is None
    after.graph.node[-1].input[0] = "a"
    assert first_change(after, seated, Path()) == "b"


def drop(model: onnx.ModelProto) -> None:
    del model.graph.node[4]


def exchange(model: onnx.ModelProto) -> None:
    model.graph.node[5].op_type = "Abs"


def weigh_inside(model: onnx.ModelProto) -> None:
    model.graph.initializer[-1].float_data[0] = 7


@pytest.mark.parametrize("fault", [read_other, write_other, drop, exchange, weigh_inside])
def test_a_fault_inside(fault: Callable[[onnx.ModelProto], None]) -> None:
    _, after, seated = joined()
    fault(after)
    assert first_change(after, seated, Path()) is not None
