"""Values that an earlier run wrote to files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rewriter.runtime.recording.recorded_values import RecordedValues


def test_values_come_from_their_files(tmp_path: Path) -> None:
    arrays = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.array(True)}
    files = {}
    for name, array in arrays.items():
        files[name] = str(tmp_path / f"{name}.npy")
        np.save(files[name], array)
    recorded = RecordedValues(files)
    assert recorded.sizes(["a", "b", "a", "neither"]) == {"a": 24, "b": 1}
    assert recorded.steps == {}
    for name, (found,) in recorded.values(["b", "a"]).items():
        np.testing.assert_array_equal(found, arrays[name])
        assert found.dtype == arrays[name].dtype
