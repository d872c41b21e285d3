"""Outputs never take the place of an input or of its external data, present or missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from rewriter.errors import UsageError
from rewriter.model.storage.output_targets import plan_copies


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
