"""New weights in a file: it computes what the checkpoint says, and nothing else in it changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import rewriter
from rewriter.checkpoints.refit import Unresolved
from rewriter.errors import UsageError
from rewriter.model.tensors import Array
from tests.checkpoints.models import drawn, model, node, run_two_layers, state_of_two_layers, two_layers

X = drawn(2, 4, seed=99)


def run(path: Path) -> Array:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    result: Array = session.run(None, {"x": X})[0]
    return result


def weights_of(made: onnx.ModelProto) -> dict[str, Array]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in made.graph.initializer}


def test_the_file_computes_with_the_new_weights(tmp_path: Path) -> None:
    source, out = tmp_path / "m.onnx", tmp_path / "new.onnx"
    onnx.save(two_layers(), source)
    before, new = source.read_bytes(), state_of_two_layers()
    found = rewriter.refit(source, new, out)
    np.testing.assert_allclose(run(out), run_two_layers(new, X), rtol=1e-5)
    assert found.outputs == (out,)
    assert found.proof is not None
    assert (found.proof.tensors, found.plan.lacking, list(found.plan.kept)) == (4, (), ["/Constant_output_0"])
    assert source.read_bytes() == before
    after = onnx.load(out)
    for tensor, old in zip(after.graph.initializer, onnx.load(source).graph.initializer, strict=True):
        tensor.raw_data = old.raw_data
    assert after.SerializeToString(deterministic=True) == two_layers().SerializeToString(deterministic=True)


def test_external_weights_are_written_beside_the_output(tmp_path: Path) -> None:
    home = tmp_path / "in"
    home.mkdir()
    source, out = home / "m.onnx", tmp_path / "new.onnx"
    onnx.save(two_layers(), source, save_as_external_data=True, location="m.data", size_threshold=0)
    data, new = (home / "m.data").read_bytes(), state_of_two_layers()
    found = rewriter.refit(source, new, out)
    np.testing.assert_allclose(run(out), run_two_layers(new, X), rtol=1e-5)
    assert found.outputs == (tmp_path / "new.onnx.data", out)
    assert (home / "m.data").read_bytes() == data
    beside = rewriter.refit(source, new, home / "new.onnx")
    assert beside.outputs[0] == home / "new.onnx.data"
    assert (home / "m.data").read_bytes() == data


def test_a_part_keeps_the_external_data_of_the_rest(tmp_path: Path) -> None:
    source, out = tmp_path / "m.onnx", tmp_path / "new.onnx"
    onnx.save(two_layers(), source, save_as_external_data=True, location="m.data", size_threshold=0)
    new = state_of_two_layers()
    del new["fc2.bias"]
    with pytest.raises(Unresolved, match=r"the checkpoint has no fc2.bias") as error:
        rewriter.refit(source, new, out)
    assert [each.name for each in error.value.found.plan.lacking] == ["fc2.bias"]
    assert not out.exists()
    found = rewriter.refit(source, new, out, partial=True)
    assert found.proof is not None
    assert (found.proof.tensors, found.proof.kept) == (3, 1)
    old = numpy_helper.to_array(two_layers().graph.initializer[3])
    np.testing.assert_allclose(run(out), run_two_layers({**new, "fc2.bias": old}, X), rtol=1e-5)


def test_another_shape_is_refused_with_both() -> None:
    new = state_of_two_layers() | {"fc1.weight": drawn(5, 4)}
    with pytest.raises(
        Unresolved, match=r"fc1.weight has the shape 5x4 in the checkpoint, and 3x4 in the file"
    ):
        rewriter.refit(two_layers(), new)


def test_numbers_are_cast_unless_the_type_lacks_them() -> None:
    half = {name: array.astype(np.float16) for name, array in weights_of(two_layers()).items()}
    source, new = two_layers(**half), state_of_two_layers()
    made = rewriter.refit(source, new).model
    assert made is not None
    np.testing.assert_array_equal(weights_of(made)["onnx::MatMul_7"], new["fc1.weight"].T.astype(np.float16))
    new["fc1.bias"] = np.array([1e6, 0, 0], np.float32)
    with pytest.raises(UsageError, match=r"fc1.bias: the new tensor has numbers that float16 does not hold"):
        rewriter.refit(source, new)


def test_the_checkpoint_is_no_output(tmp_path: Path) -> None:
    source = tmp_path / "m.onnx"
    onnx.save(two_layers(), source)
    checkpoint = tmp_path / "m.safetensors"
    rewriter.weights(source, checkpoint)
    with pytest.raises(UsageError, match=r"is the file that --new reads"):
        rewriter.refit(source, checkpoint, checkpoint)
    with pytest.raises(UsageError, match=r"is the input"):
        rewriter.refit(source, checkpoint, source)
    assert rewriter.refit(source, checkpoint, tmp_path / "same.onnx").proof
    same, old = onnx.load(tmp_path / "same.onnx"), onnx.load(source)
    assert {name: array.tobytes() for name, array in weights_of(same).items()} == {
        name: array.tobytes() for name, array in weights_of(old).items()
    }


def test_a_folded_or_unnamed_tensor_is_named() -> None:
    nodes = [
        node("Add", "/a/Add", ["x", "a.shift"], "/a/Add_output_0"),
        node("Mul", "/a/Mul", ["/a/Add_output_0", "onnx::Mul_3"], "y"),
    ]
    source = model(nodes, {"a.shift": drawn(4, seed=1), "onnx::Mul_3": drawn(4, seed=2)})
    with pytest.raises(
        Unresolved, match=r"1 tensor cannot be resolved, first onnx::Mul_3: no parameter is known"
    ):
        rewriter.refit(source, {"a.shift": drawn(4, seed=3)})
