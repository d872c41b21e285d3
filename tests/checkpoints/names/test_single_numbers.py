"""A constant of one number beside a parameter of one number."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto

import rewriter
from rewriter.checkpoints.refit import Unresolved
from rewriter.checkpoints.tensors.safetensors import write_safetensors
from rewriter.checkpoints.tensors.state_dict import of_mapping
from tests.checkpoints.models import drawn, model, node

BIAS = drawn(4)
NEW = {"a.bias": BIAS, "scale": np.array(0.7, np.float32)}


def squared(scale: float) -> ModelProto:
    """`(x + a.bias) * scale / scale**2`; the exporter computed the square, 4."""
    nodes = [
        node("Add", "/a/Add", ["x", "a.bias"], "/a/Add_output_0"),
        node("Mul", "/Mul", ["/a/Add_output_0", "scale"], "/Mul_output_0"),
        node("Div", "/Div", ["/Mul_output_0", "onnx::Div_5"], "y"),
    ]
    square = np.array(4, np.float32)
    return model(nodes, {"a.bias": BIAS, "scale": np.array(scale, np.float32), "onnx::Div_5": square})


def test_it_may_be_computed_from_a_parameter_that_is_such_a_number() -> None:
    with pytest.raises(Unresolved, match="onnx::Div_5: it may be computed from scale, one number too"):
        rewriter.refit(squared(2.0), NEW)


def test_it_is_not_computed_from_a_number_of_training() -> None:
    assert list(rewriter.refit(squared(2.1375432), NEW).plan.kept) == ["onnx::Div_5"]


def test_the_old_checkpoint_does_not_show_it_either(tmp_path: Path) -> None:
    old = tmp_path / "old.safetensors"
    write_safetensors(of_mapping({"a.bias": BIAS, "scale": np.array(2, np.float32)}).entries, old)
    with pytest.raises(Unresolved, match="onnx::Div_5"):
        rewriter.refit(squared(2.0), NEW, checkpoint=old)
