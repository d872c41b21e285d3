"""Outputs never take the place of an input or of its external data, present or missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import rewriter
from rewriter.errors import UsageError
from rewriter.model.storage.output_targets import plan_copies
from tests.build import model


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("weights", "is the folder of external data"),
        ("data.bin", "is the external data"),
        ("weights.onnx", None),
    ],
)
def test_an_output_leaves_the_place_of_missing_data_free(
    name: str, fault: str | None, tmp_path: Path
) -> None:
    data = ["weights/sub/w.bin", "data.bin"]
    source = tmp_path / "m.onnx"
    source.touch()
    if fault is None:
        assert not plan_copies(source, [tmp_path / name], data, copy_data=False).files
        return
    with pytest.raises(UsageError, match=fault):
        plan_copies(source, [tmp_path / name], data, copy_data=False)


@pytest.mark.parametrize(("more", "copied"), [(b"", "m.data"), (bytes(100_000), "o.onnx.data")])
def test_data_that_holds_more_than_the_model_reads_is_packed(
    more: bytes, copied: str, tmp_path: Path
) -> None:
    weight = numpy_helper.from_array(np.arange(64, dtype=np.float32).reshape(8, 8), "fc.weight")
    made = model(
        """g (float[8,8] x) => (float[8,8] y) <float[8,8] "fc.weight" = {0}>
        { ["/fc/MatMul"] y = MatMul(x, "fc.weight") }"""
    )
    made.graph.initializer[0].CopyFrom(weight)
    source, far = tmp_path / "m.onnx", tmp_path / "far"
    onnx.save(made, source, save_as_external_data=True, location="m.data", size_threshold=0)
    with (tmp_path / "m.data").open("ab") as data:
        data.write(more)
    far.mkdir()
    report = rewriter.rewrite(source, far / "o.onnx", numbers=True, copy_data=True, sidecar="none")
    assert [path.name for path in report.outputs] == [copied, "o.onnx"]
    assert (far / copied).read_bytes() == weight.raw_data
    assert rewriter.verify(source, far / "o.onnx").verdict == "equal"
