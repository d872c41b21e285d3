"""The state dict of a file: its keys, how tensors hold them, and those that are not in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import rewriter
from rewriter.checkpoints.missing import Absence
from rewriter.checkpoints.names.held import held_parameters
from rewriter.checkpoints.tensors.state_dict import of_path
from rewriter.errors import UsageError
from tests.checkpoints.models import drawn, two_layers
from tests.exports import EXPORTS


def test_the_state_dict_of_two_layers(tmp_path: Path) -> None:
    matrix = drawn(4, 3, seed=1)
    found = rewriter.weights(two_layers(), tmp_path / "w.safetensors")
    assert {str(key): held.initializer for key, held in found.given.items()} == {
        "fc1.weight": "onnx::MatMul_7",
        "fc1.bias": "fc1.bias",
        "fc2.weight": "fc2.weight",
        "fc2.bias": "fc2.bias",
    }
    written = of_path(tmp_path / "w.safetensors")
    np.testing.assert_array_equal(written.read("fc1.weight"), matrix.T)
    np.testing.assert_array_equal(found.read("fc1.weight"), matrix.T)
    with pytest.raises(UsageError, match=r"no key fits 'fc1.wait'; nearest: fc1.weight"):
        found.read("fc1.wait")


def test_folded_keys_and_counters_are_missing() -> None:
    found = rewriter.weights(EXPORTS / "conv_batchnorm" / "dy.onnx")
    assert {str(each.key): (each.absence, each.of) for each in found.missing} == {
        "conv.weight": (Absence.FOLDED, "conv.weight * bn"),
        **{
            f"bn.{name}": (Absence.FOLDED, "conv")
            for name in ("weight", "bias", "running_mean", "running_var")
        },
        **{f"{norm}.num_batches_tracked": (Absence.COUNTER, "") for norm in ("bn", "norm")},
    }


def test_gates_are_in_the_order_of_torch_again() -> None:
    """New weights with the tensors of the state dict give the file back."""
    source = EXPORTS / "recurrent" / "dy.onnx"
    found = rewriter.weights(source)
    weight = found.read("lstm.weight_ih_l0")
    held = {str(each.key): each for each in held_parameters(found.analysis)}["lstm.weight_ih_l0"]
    assert held.gates == (0, 3, 1, 2)
    made = rewriter.refit(source, {key: found.read(key) for key in found.given}).model
    assert made is not None
    before = {each.name: each for each in found.analysis.model.graph.initializer}
    after = {each.name: each for each in made.graph.initializer}
    assert all(after[name].raw_data == before[name].raw_data for name in before)
    assert weight.shape[0] == 4 * found.read("lstm.weight_hh_l0").shape[1]
