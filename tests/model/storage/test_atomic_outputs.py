from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewriter.errors import CannotWrite
from rewriter.model.storage import atomic_outputs, output_targets
from rewriter.model.storage import data_copies as copies
from rewriter.model.storage.data_copies import Copies
from rewriter.model.storage.sidecar_path import COMPACT, sidecar_path
from rewriter.model.storage.staging import Content


def test_all_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = {"a": b"old a", "b": b"old b"}
    for name, content in old.items():
        (tmp_path / name).write_bytes(content)
    real, calls = os.fsync, 0

    def full(handle: int) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CannotWrite, match="No space left"):
        atomic_outputs.write_atomically({tmp_path / "a": b"new", tmp_path / "b": b"new"})
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == old


def test_a_disk_that_is_full_at_the_last_bytes(tmp_path: Path) -> None:
    """A stream keeps few bytes until it is flushed, and tries again to write them when it is closed."""
    resource = pytest.importorskip("resource", reason="limits of files are those of POSIX")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(CannotWrite, match="cannot be written: File too large"):
            atomic_outputs.write_atomically({tmp_path / "a": bytes(200)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not [*tmp_path.iterdir()]


def test_a_target_keeps_its_mode_and_a_copy_its_source(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"weights")
    (tmp_path / "target").write_bytes(b"old")
    (tmp_path / "target").chmod(0o640)
    copies = Copies({tmp_path / "copy": tmp_path / "source"})
    atomic_outputs.write_atomically({tmp_path / "target": b"new"}, copies)
    assert (tmp_path / "copy").read_bytes() == (tmp_path / "source").read_bytes() == b"weights"
    assert stat.S_IMODE((tmp_path / "target").stat().st_mode) == 0o640


def test_missing_folder_and_missing_source(tmp_path: Path) -> None:
    with pytest.raises(CannotWrite, match="cannot be written"):
        atomic_outputs.write_atomically({tmp_path / "none" / "a": b""})
    with pytest.raises(CannotWrite, match="cannot be written"):
        atomic_outputs.write_atomically({tmp_path / "a": b"a"}, Copies({tmp_path / "b": tmp_path / "none"}))
    assert not [*tmp_path.iterdir()]


def _sidecar(model: Path) -> Path:
    """A sidecar beside a model, as far as anybody asks whose it is."""
    path = sidecar_path(model)
    path.write_text(json.dumps({"schema": COMPACT, "export": {"file": model.name}}))
    return path


def test_sidecars_go_with_the_models_they_described(tmp_path: Path) -> None:
    models = [tmp_path / "a.onnx", tmp_path / "b.onnx"]
    told = [_sidecar(model) for model in models]
    contents: dict[Path, Content] = dict.fromkeys(models, b"new")
    assert atomic_outputs.write_atomically(
        {**contents, tmp_path / "seal": b""}, seal=tmp_path / "seal"
    ) == tuple(told)
    assert {file.name for file in tmp_path.iterdir()} == {"a.onnx", "b.onnx", "seal"}
    assert atomic_outputs.write_atomically(contents) == ()
    told = [_sidecar(model) for model in models]
    assert atomic_outputs.write_atomically({models[0]: b"newer", told[0]: b"its own"}, seal=told[0]) == ()
    assert (told[0].read_bytes(), told[1].exists()) == (b"its own", True)


@pytest.mark.parametrize("whose", ["no sidecar", "another model", "another schema", "a link", "two names"])
def test_what_is_no_sidecar_of_ours_stays(whose: str, tmp_path: Path) -> None:
    model = tmp_path / "m.onnx"
    told = _sidecar(model)
    if whose == "no sidecar":
        told.write_text("[]")
    elif whose == "another model":
        _sidecar(tmp_path / "other.onnx").replace(told)
    elif whose == "another schema":
        told.write_text(told.read_text().replace("rewriter", "theirs"))
    elif whose == "a link":
        told.symlink_to(told.rename(tmp_path / "kept"))
    else:
        (tmp_path / "kept").hardlink_to(told)
    assert atomic_outputs.write_atomically({model: b"new"}) == ()
    assert told.exists()


def test_a_stale_sidecar_stays_where_the_new_output_cannot_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = [tmp_path / "a.onnx", tmp_path / "b.onnx"]
    before = {model.name: b"old" for model in models}
    for model in models:
        model.write_bytes(b"old")
        told = _sidecar(model)
        before[told.name] = told.read_bytes()
    real = Path.replace

    def refuse(path: Path, target: Path) -> Path:
        if target == models[0]:
            raise OSError(errno.EACCES, "Permission denied")
        return real(path, target)

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(CannotWrite, match="Permission denied"):
        atomic_outputs.write_atomically(dict.fromkeys(models, b"new"))
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


@given(contents=st.dictionaries(st.sampled_from("abcd"), st.binary(max_size=64), max_size=4))
def test_what_is_written_is_there(
    tmp_path_factory: pytest.TempPathFactory, contents: dict[str, bytes]
) -> None:
    folder = tmp_path_factory.mktemp("atomic")
    atomic_outputs.write_atomically({folder / name: content for name, content in contents.items()})
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == contents


@given(left=st.binary(max_size=8), right=st.binary(max_size=8))
def test_same_content(tmp_path_factory: pytest.TempPathFactory, left: bytes, right: bytes) -> None:
    folder = tmp_path_factory.mktemp("same")
    (folder / "l").write_bytes(left)
    (folder / "r").write_bytes(right)
    assert copies.same_content(folder / "l", folder / "r") == (left == right)
    assert copies.same_content(folder / "l", folder / "l")


@pytest.mark.skipif(os.name != "posix", reason="devices of POSIX")
def test_no_file_takes_the_place_of_a_device_or_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    link = tmp_path / "link"
    link.symlink_to("/dev/null")
    places = (pipe, link, Path("/dev/null"), Path("/dev/stdout"), Path("/dev/fd/1"), Path("/dev/not-there"))
    for target in places:
        with pytest.raises(CannotWrite, match="is a device or a pipe, not a file; name a file to write"):
            output_targets.plan_copies(None, [target], (), copy_data=False)
        with pytest.raises(CannotWrite, match="is a device or a pipe"):
            atomic_outputs.write_atomically({target: b"x"})
    assert pipe.is_fifo()
    assert Path("/dev/null").is_char_device()
    assert link.is_symlink()
