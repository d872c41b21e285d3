from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from rewriter.api.input_arrays import read_inputs
from rewriter.errors import UsageError

IDS = np.arange(6, dtype=np.int64).reshape(2, 3)


def _tensor(path: Path, name: str, array: np.ndarray) -> None:
    path.write_bytes(numpy_helper.from_array(array, name).SerializeToString())


def test_a_mapping_is_taken_as_it_is() -> None:
    given = {"ids": IDS}
    assert read_inputs(given) is given
    assert read_inputs(None) is None


def test_an_archive(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", ids=IDS)
    found = read_inputs(tmp_path / "x.npz")
    assert found is not None
    np.testing.assert_array_equal(found["ids"], IDS)


def test_a_test_data_set_in_the_order_of_its_numbers(tmp_path: Path) -> None:
    for number in range(11):
        _tensor(tmp_path / f"input_{number}.pb", f"x{number}", np.full(number, number, np.float32))
    _tensor(tmp_path / "output_0.pb", "y", IDS)
    found = read_inputs(str(tmp_path))
    assert found is not None
    assert list(found) == [f"x{number}" for number in range(11)]
    assert all(array.shape == (number,) for number, array in enumerate(found.values()))


def test_a_function(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "made.py").write_text(
        "def batch():\n    return {'ids': [[1, 2]]}\n\ndef other():\n    return [1]\n"
    )
    found = read_inputs(f"{tmp_path / 'made.py'}:batch")
    assert found is not None
    assert found["ids"].tolist() == [[1, 2]]
    with pytest.raises(UsageError, match=r":other: gives list; it must give a dict of arrays by input"):
        read_inputs(f"{tmp_path / 'made.py'}:other")
    with pytest.raises(UsageError, match=r":absent: gives no inputs: AttributeError"):
        read_inputs(f"{tmp_path / 'made.py'}:absent")


def test_faults_have_one_line(tmp_path: Path) -> None:
    (tmp_path / "junk.npz").write_bytes(b"junk")
    empty, unnamed, outside = tmp_path / "empty", tmp_path / "unnamed", tmp_path / "outside"
    for folder in (empty, unnamed, outside):
        folder.mkdir()
    _tensor(unnamed / "input_0.pb", "", IDS)
    tensor = onnx.TensorProto(name="x", data_type=1, dims=[1], data_location=onnx.TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="../junk.npz")
    (outside / "input_0.pb").write_bytes(tensor.SerializeToString())
    for source, text in (
        (tmp_path / "none.npz", "no such file; check the path"),
        (tmp_path / "junk.npz", "not an .npz file of plain arrays"),
        (empty, "has no input_0.pb"),
        (unnamed, "its tensor has no name"),
        (outside, "not a tensor with its data"),
    ):
        with pytest.raises(UsageError, match=text) as raised:
            read_inputs(source)
        assert "\n" not in str(raised.value)
