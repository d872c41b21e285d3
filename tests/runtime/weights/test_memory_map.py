from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from rewriter.runtime.weights.external import stored_weights
from rewriter.runtime.weights.memory_map import MappedWeights
from rewriter.verdict.numbers import compare

SIDE = 256


def model(folder: Path, name: str = "w", dtype: str = "float32", shift: int = 0) -> ModelProto:
    """y = x w, its weights in a file, `shift` bytes into it."""
    weights = np.arange(SIDE * SIDE).reshape(SIDE, SIDE) / SIDE
    data = weights.astype(dtype).tobytes()
    (folder / "w.data").write_bytes(bytes(shift) + data)
    element = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    tensor = TensorProto(name=name, dims=weights.shape, data_type=element, data_location=TensorProto.EXTERNAL)
    for key, value in {"location": "w.data", "offset": shift, "length": len(data)}.items():
        tensor.external_data.add(key=key, value=str(value))
    ends = [helper.make_tensor_value_info(each, element, ["n", SIDE]) for each in ("x", "y")]
    node = helper.make_node("MatMul", ["x", name], ["y"])
    graph = helper.make_graph([node], "g", ends[:1], ends[1:], [tensor])
    made: ModelProto = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 20)])
    return made


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_weights_come_from_the_map(dtype: str, tmp_path: Path) -> None:
    made = model(tmp_path, dtype=dtype)
    found = MappedWeights().of(stored_weights(made, tmp_path), tmp_path)
    onnx.load_external_data_for_model(made, str(tmp_path))
    assert list(found) == ["w"]
    assert np.array_equal(found["w"].numpy(), numpy_helper.to_array(made.graph.initializer[0]))


def test_what_is_odd_is_left_alone(tmp_path: Path) -> None:
    def of(made: ModelProto) -> list[str]:
        return list(MappedWeights().of(stored_weights(made, tmp_path), tmp_path))

    assert not of(model(tmp_path, shift=2))
    fed = model(tmp_path)
    fed.graph.input.add(name="w")
    assert not of(fed)
    twice = model(tmp_path)
    twice.graph.initializer.append(twice.graph.initializer[0])
    assert not of(twice)
    away = model(tmp_path)
    away.graph.initializer[0].external_data[0].value = "none.data"
    assert not of(away)
    (tmp_path / "w.data").write_bytes(b"short")
    assert not of(away)


@pytest.mark.parametrize("shift", [0, 2, 4096])
def test_models_on_mapped_weights_are_compared(shift: int, tmp_path: Path) -> None:
    before, after = model(tmp_path, shift=shift), model(tmp_path, "renamed", shift=shift)
    found = compare(before, after, before_folder=tmp_path, after_folder=tmp_path)
    assert (found.runs, found.exact) == (3, True)
    other = tmp_path / "other"
    other.mkdir()
    changed = model(other)
    data = bytearray((other / "w.data").read_bytes())
    data[3] ^= 0x40  # 0.0 becomes 2.0
    (other / "w.data").write_bytes(data)
    assert compare(before, changed, before_folder=tmp_path, after_folder=other).exact is False
