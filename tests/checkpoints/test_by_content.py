"""The old checkpoint confirms formulas by names, and shows those of a file that holds no tensor as it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import rewriter
from rewriter.checkpoints.refit import Unresolved
from rewriter.checkpoints.tensors.safetensors import write_safetensors
from rewriter.checkpoints.tensors.state_dict import of_mapping
from rewriter.errors import UsageError
from rewriter.model.tensors import Array
from tests.checkpoints.models import drawn, state_of_two_layers, two_layers
from tests.checkpoints.names.test_recorded_norms import EPSILON, folded, new_state
from tests.checkpoints.test_refit import weights_of


def tensors_of(state: dict[str, Array]) -> dict[str, Array]:
    """Compute the tensors into which the exporter folds the norm."""
    scale = state["bn.weight"] / np.sqrt(state["bn.running_var"] + np.float32(EPSILON))
    bias = (state["fc.bias"] - state["bn.running_mean"]) * scale + state["bn.bias"]
    return {"fc.weight": state["fc.weight"] * scale[:, None], "fc.bias": bias}


@pytest.fixture
def exported(tmp_path: Path) -> tuple[Path, dict[str, Array]]:
    old = {key: array + 1 for key, array in new_state().items()} | {
        "bn.running_mean": np.zeros(3, np.float32)
    }
    made = folded()
    for tensor in made.graph.initializer:
        tensor.CopyFrom(numpy_helper.from_array(tensors_of(old)[tensor.name], tensor.name))
    onnx.save(made, tmp_path / "m.onnx")
    write_safetensors(of_mapping(old).entries, tmp_path / "old.safetensors")
    return tmp_path / "m.onnx", old


def test_a_norm_with_a_mean_of_zeros_is_in_a_file_without_any_key_as_it_is(
    exported: tuple[Path, dict[str, Array]],
) -> None:
    source, _ = exported
    found = rewriter.refit(source, new_state(), checkpoint=source.parent / "old.safetensors")
    assert found.model is not None
    for name, want in tensors_of(new_state()).items():
        np.testing.assert_allclose(weights_of(found.model)[name], want, rtol=1e-5, atol=1e-6)


def test_another_checkpoint_is_still_an_error(exported: tuple[Path, dict[str, Array]]) -> None:
    source, old = exported
    other = {key: drawn(*array.shape, seed=50) for key, array in old.items()}
    write_safetensors(of_mapping(other).entries, source.parent / "other.safetensors")
    with pytest.raises(UsageError, match=r"none of its 6 tensors is in this file"):
        rewriter.refit(source, new_state(), checkpoint=source.parent / "other.safetensors")


def test_keys_that_were_equal_to_a_used_one_must_stay_equal(tmp_path: Path) -> None:
    """Equal nodes of equal weights are one node, and no tensor shows the other key."""
    old = {**state_of_two_layers(), "other.weight": state_of_two_layers()["fc1.weight"]}
    source = two_layers(
        **{"onnx::MatMul_7": old["fc1.weight"].T.copy()}
        | {key: old[key] for key in ("fc1.bias", "fc2.weight", "fc2.bias")}
    )
    write_safetensors(of_mapping(old).entries, tmp_path / "old.safetensors")
    new = {key: array + 1 for key, array in old.items()}
    assert rewriter.refit(source, new, checkpoint=tmp_path / "old.safetensors").model
    with pytest.raises(
        Unresolved, match=r"first other.weight: .* it was equal to fc1.weight, and equal nodes"
    ):
        rewriter.refit(source, {**new, "other.weight": drawn(3, 4)}, checkpoint=tmp_path / "old.safetensors")
