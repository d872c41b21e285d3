"""External data of the model and of a piece, in one folder and in several."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import rewriter
from rewriter.edits.pieces.piece_data import loaded, moved_to, same_content
from rewriter.errors import UsageError
from rewriter.model.storage.external_data import external_locations
from tests.edits.layers import extracted, layer, whole


def stored(model: onnx.ModelProto, path: Path, factor: float = 1.0) -> Path:
    """Save a model with external weights."""
    for tensor in model.graph.initializer:
        tensor.CopyFrom(
            numpy_helper.from_array(numpy_helper.to_array(tensor) * np.float32(factor), tensor.name)
        )
    path.parent.mkdir(exist_ok=True)
    onnx.save(model, path, save_as_external_data=True, location=f"{path.name}.data", size_threshold=0)
    return path


def test_weights_that_did_not_change_are_not_copied(tmp_path: Path) -> None:
    source = stored(whole(), tmp_path / "m" / "m.onnx")
    piece = stored(extracted(whole(), "l.1"), tmp_path / "p" / "p.onnx")
    found = rewriter.implant(source, {"l.1": piece}, tmp_path / "m" / "o.onnx", numbers=False)
    assert found.outputs == (tmp_path / "m" / "o.onnx",)
    assert external_locations(found.model).keys() == {"m.onnx.data"}


def test_changed_weights_of_another_folder_are_packed(tmp_path: Path) -> None:
    source = stored(whole(), tmp_path / "m" / "m.onnx")
    piece = stored(extracted(whole(), "l.1"), tmp_path / "p" / "p.onnx", 3.0)
    out = tmp_path / "m" / "o.onnx"
    with pytest.raises(UsageError, match=f"some weights lie in {tmp_path / 'p'}; add --copy-data"):
        rewriter.implant(source, {"l.1": piece}, out, numbers=False)
    rewriter.implant(source, {"l.1": piece}, out, copy_data=True)  # onnxruntime reads both folders
    written = onnx.load(out, load_external_data=False)
    assert external_locations(written).keys() == {"m.onnx.data", "o.onnx.data"}
    assert (tmp_path / "m" / "o.onnx.data").stat().st_size == 16
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(out).graph.initializer}
    assert weights["l.1.weight"].tolist() == [[1.5, 0.0], [0.0, 6.0]]
    assert weights["l.0.weight"].tolist() == [[1.0, 2.0], [3.0, 4.0]]


def test_all_data_goes_to_a_third_folder(tmp_path: Path) -> None:
    source = stored(whole(), tmp_path / "m" / "m.onnx")
    piece = stored(extracted(whole(), "l.1"), tmp_path / "p" / "p.onnx", 3.0)
    out = tmp_path / "o.onnx"
    rewriter.implant(source, {"l.1": piece}, out, numbers=False, copy_data=True)
    assert external_locations(onnx.load(out, load_external_data=False)).keys() == {"o.onnx.data"}
    assert numpy_helper.to_array(onnx.load(out).graph.initializer[1]).tolist() == [[1.5, 0.0], [0.0, 6.0]]


def test_data_of_another_folder_is_loaded_for_a_run(tmp_path: Path) -> None:
    piece = onnx.load(stored(extracted(whole(), "l.1"), tmp_path / "p" / "p.onnx"), load_external_data=False)
    moved = moved_to(piece, tmp_path / "p", tmp_path)
    assert external_locations(moved).keys() == {"p/p.onnx.data"}
    assert loaded(moved, tmp_path) is moved
    away = moved_to(piece, tmp_path / "p", tmp_path / "q")
    inside = loaded(away, tmp_path / "p")
    assert numpy_helper.to_array(inside.graph.initializer[0]).tolist() == [[0.5, 0.0], [0.0, 2.0]]


def test_content_counts_however_it_is_stored(tmp_path: Path) -> None:
    inline = whole().graph.initializer[0]
    raw = numpy_helper.from_array(numpy_helper.to_array(inline), "w")
    path = stored(whole(), tmp_path / "m.onnx")
    [external, other] = onnx.load(path, load_external_data=False).graph.initializer
    assert same_content(inline, raw, tmp_path)
    assert same_content(inline, external, tmp_path)
    assert not same_content(inline, other, tmp_path)
    path.with_name("m.onnx.data").unlink()
    assert not same_content(inline, external, tmp_path)


def test_a_model_without_data_takes_a_piece_with_data(tmp_path: Path) -> None:
    piece = stored(layer("<float[2] k = {1.0, 2.0}> { y = Add (b, k) }"), tmp_path / "p" / "p.onnx")
    out = tmp_path / "o.onnx"
    rewriter.implant(whole(), {"l.1": piece}, out, numbers=False, copy_data=True)
    assert numpy_helper.to_array(onnx.load(out).graph.initializer[1]).tolist() == [1.0, 2.0]
