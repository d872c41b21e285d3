"""Numbers that programs state, and numbers that training made."""

from __future__ import annotations

import math

import numpy as np
import pytest

import rewriter
from rewriter.checkpoints.names.constants import is_stated
from rewriter.checkpoints.refit import Unresolved
from tests.checkpoints.models import drawn, model, node


@pytest.mark.parametrize(
    "number",
    [
        0.0,
        1.0,
        -2.5,
        1e-5,
        0.044715,
        1.702,
        -3.4028235e38,
        -math.inf,
        64**-0.5,
        96**-0.25,
        (2 / math.pi) ** 0.5,
    ],
)
def test_numbers_of_programs(number: float) -> None:
    assert is_stated(float(np.float32(number)))


def test_numbers_of_training() -> None:
    drawn_numbers = np.random.default_rng(0).standard_normal(3000).astype(np.float32)
    assert sum(map(is_stated, map(float, drawn_numbers))) < 40
    assert not is_stated(math.nan)


def test_a_number_may_be_a_parameter_that_no_tensor_holds() -> None:
    nodes = [
        node("Add", "/a/Add", ["x", "a.bias"], "/a/Add_output_0"),
        node("Mul", "/Mul", ["/a/Add_output_0", "onnx::Mul_4"], "y"),
    ]
    bias = drawn(4)
    source = model(nodes, {"a.bias": bias, "onnx::Mul_4": np.array(0.5, np.float32)})
    assert list(rewriter.refit(source, {"a.bias": bias}).plan.kept) == ["onnx::Mul_4"]
    with pytest.raises(Unresolved, match=r"first onnx::Mul_4: it may hold scale, which no tensor is known"):
        rewriter.refit(source, {"a.bias": bias, "scale": np.array(3.0, np.float32)})
