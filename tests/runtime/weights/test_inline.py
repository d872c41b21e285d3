"""Inline weights in one file: the models stay the same, equal weights stand there once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from rewriter.runtime.weights.inline import LOCATION, SharedWeights, holds_weights
from rewriter.verdict.numbers import compare


def model(*weights: np.ndarray) -> onnx.ModelProto:
    """y = x + w0 + w1 + ..., with a doc string to be kept."""
    names = [f"w{n}" for n in range(len(weights))]
    values = ["x", *(f"v{n}" for n in range(1, len(weights))), "y"]
    steps = [onnx.helper.make_node("Add", [values[n], name], [values[n + 1]]) for n, name in enumerate(names)]
    ends = [onnx.helper.make_tensor_value_info(name, 1, list(weights[0].shape)) for name in ("x", "y")]
    tensors = [numpy_helper.from_array(w, name) for w, name in zip(weights, names, strict=True)]
    graph = onnx.helper.make_graph(steps, "g", ends[:1], ends[1:], tensors, doc_string="kept")
    return onnx.helper.make_model(graph, ir_version=10, opset_imports=[onnx.helper.make_opsetid("", 17)])


def random(seed: int, size: int = 1 << 18) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(size).astype(np.float32)


def test_small_models_are_left_alone() -> None:
    assert not holds_weights(model(random(0, 8)))
    assert holds_weights(model(random(0)))


def test_equal_weights_stand_once_and_nothing_is_lost(tmp_path: Path) -> None:
    first, second = model(random(0), random(1), random(0)), model(random(1), random(0))
    moved = SharedWeights(tmp_path).move({"a": first, "b": second})
    assert (tmp_path / LOCATION).stat().st_size == 2 << 20
    for key, original in (("a", first), ("b", second)):
        loaded = moved[key]
        assert not any(tensor.HasField("raw_data") for tensor in loaded.graph.initializer)
        assert loaded.graph.doc_string == "kept"
        onnx.load_external_data_for_model(loaded, str(tmp_path))
        for ours, theirs in zip(loaded.graph.initializer, original.graph.initializer, strict=True):
            assert np.array_equal(numpy_helper.to_array(ours), numpy_helper.to_array(theirs))
        for each in (loaded, original):
            each.graph.ClearField("initializer")
        assert loaded == original


@pytest.mark.parametrize("changed", [False, True])
def test_numbers_see_a_change_in_shared_weights(changed: bool) -> None:
    weight = random(0)
    other = weight.copy()
    other[12345] += np.float32(changed)
    numeric = compare(model(weight), model(other), before_folder=None, after_folder=None)
    assert numeric.runs > 0
    assert numeric.exact is not changed
