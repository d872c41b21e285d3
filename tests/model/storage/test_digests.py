from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from rewriter.model.limits import MOST_BYTES
from rewriter.model.storage.digests import locations_of, of_file, of_model
from tests.exports import EXPORTS


def test_locations_of_external_data(tmp_path: Path) -> None:
    assert locations_of(EXPORTS / "external_data" / "dy.onnx") == ("dy.onnx.data",)
    (tmp_path / "text.onnx").write_text("no model")
    assert locations_of(tmp_path / "text.onnx") == ()


def test_what_protobuf_cannot_read_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "large.onnx"
    with path.open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    monkeypatch.delattr(Path, "read_bytes")
    assert locations_of(path) == ()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes in folders")
@pytest.mark.parametrize("read", [of_file, of_model, locations_of])
def test_a_pipe_is_not_opened(read: Callable[[Path], object], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="no regular file"):
        read(tmp_path / "pipe")
