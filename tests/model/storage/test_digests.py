from __future__ import annotations

from pathlib import Path

import pytest

from rewriter.model.limits import MOST_BYTES
from rewriter.model.storage.digests import locations_of
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
