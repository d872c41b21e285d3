from __future__ import annotations

import dataclasses
import errno
import os
import pickle
from dataclasses import replace
from pathlib import Path

import onnx
import pytest

from rewriter import pipeline
from rewriter.batch import Request, rewrite_one
from rewriter.batch.record import Status
from rewriter.batch.up_to_date import is_current, key_of
from rewriter.passes.annotate import Annotate
from rewriter.passes.group import Group
from rewriter.passes.share import Share
from tests.batch.making import QUICK, contents, folder_of, with_data
from tests.build import chain
from tests.exports import EXPORTS

BERT = EXPORTS / "bert" / "dy.onnx"


def test_it_travels_and_gives_what_rewrite_gives(tmp_path: Path) -> None:
    work, request = pickle.loads(pickle.dumps((rewrite_one, QUICK)))
    record = work(str(BERT), str(tmp_path / "new" / "bert.onnx"), request)
    (tmp_path / "plain").mkdir()
    pipeline.rewrite(BERT, tmp_path / "plain" / "bert.onnx", pipeline.Options(numbers=False))
    assert contents(tmp_path / "new") == contents(tmp_path / "plain")
    assert (record.status, record.nodes, record.placed, record.exact) == (Status.DONE, 83, 83, None)
    assert set(record.outputs) == {"bert.onnx", "bert.modules.json"}
    assert pickle.loads(pickle.dumps(record)) == record


@pytest.mark.parametrize(
    ("request_", "status", "said"),
    [
        (
            Request(numbers=False, passes="group{width=1}"),
            Status.MISUSE,
            "no option of pass 'group' fits 'width'",
        ),
        (Request(numbers=False, min_coverage=1.0), Status.BELOW_THRESHOLD, "of the nodes placed"),
        (Request(numbers=False, like="/none.onnx"), Status.UNREADABLE, "no such file"),
    ],
)
def test_failures_are_records(request_: Request, status: Status, said: str, tmp_path: Path) -> None:
    onnx.save(chain("", ""), tmp_path / "nameless.onnx")
    record = rewrite_one(str(tmp_path / "nameless.onnx"), str(tmp_path / "out.onnx"), request_)
    assert record.status is status
    assert said in record.message
    assert "\n" not in record.message
    assert len(list(tmp_path.iterdir())) == 1


def test_a_missing_file_and_a_fault_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = str(tmp_path / "out.onnx")
    record = rewrite_one(str(tmp_path / "none.onnx"), out, QUICK)
    assert (record.status, record.key) == (Status.UNREADABLE, "")

    def breaks(*_: object) -> None:
        raise ZeroDivisionError("oh\nno")

    monkeypatch.setattr(pipeline, "rewrite", breaks)
    record = rewrite_one(str(BERT), out, QUICK)
    assert record.status is Status.FAULT
    assert record.message.endswith("internal error: ZeroDivisionError: oh no")


def test_evidence_that_cannot_be_read_is_a_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may read every file, so the error is made here."""

    def refuses(path: Path) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("rewriter.batch.request.of_file", refuses)
    record = rewrite_one(str(BERT), str(tmp_path / "o.onnx"), replace(QUICK, like=str(BERT)))
    assert record.status is Status.FAULT
    assert "Permission denied" in record.message


def test_a_key_is_of_content_data_and_options(tmp_path: Path) -> None:
    source = with_data(tmp_path / "m.onnx", "m.onnx_data")
    request = QUICK.sealed()
    key = key_of(source, request)
    (tmp_path / "copy").mkdir()
    for name in ("m.onnx", "m.onnx_data"):
        (tmp_path / "copy" / name).write_bytes((tmp_path / name).read_bytes())
    assert key_of(tmp_path / "copy" / "m.onnx", request) == key
    data = tmp_path / "m.onnx_data"
    data.write_bytes(data.read_bytes()[::-1])
    assert key_of(source, request) != key
    data.unlink()
    assert key_of(source, request) not in {key, ""}


def test_passes_travel_with_any_glob() -> None:
    request = Request(passes=(Annotate(), Group(only="a,b}c d{"), Share()))
    assert pickle.loads(pickle.dumps(request)).options(Path("m.onnx")).passes == request.passes
    seals = {replace(request, passes=(Group(only=glob),)).sealed().seal for glob in ("a,b", "a", "a,b")}
    assert len(seals) == 2


def test_every_field_of_a_request_is_in_its_seal(tmp_path: Path) -> None:
    like = folder_of(tmp_path, "like.onnx") / "like.onnx"
    changed = [
        replace(QUICK, passes="annotate,unshare"),
        replace(QUICK, numbers=True),
        replace(QUICK, like=str(like)),
        replace(QUICK, files=replace(QUICK.files, nodes=7)),
        replace(QUICK, children=replace(QUICK.children, memory=7)),
    ]
    seals = {request.sealed().seal for request in (QUICK, *changed)}
    folder_of(tmp_path, "x.onnx", "y.onnx", "like.onnx")
    seals.add(changed[2].sealed().seal)
    assert len(seals) == len(changed) + 2
    names = {field.name for field in dataclasses.fields(Request)}
    assert names >= {field.name for field in dataclasses.fields(pipeline.Options)} - {
        "given",
        "folder",
        "laws",
        "tolerance",
    }


def test_a_record_holds_while_all_is_as_it_was(tmp_path: Path) -> None:
    source = with_data(tmp_path / "src" / "m.onnx", "m.onnx_data")
    target, request = str(tmp_path / "out" / "m.onnx"), replace(QUICK, copy_data=True).sealed()
    record = rewrite_one(str(source), target, request)
    assert set(record.outputs) == {"m.onnx", "m.modules.json", "m.onnx_data"}
    assert is_current(record, str(source), target, request)
    assert not is_current(record, str(source), target, replace(request, strict=True).sealed())
    assert not is_current(replace(record, key=""), str(source), target, request)
    assert not is_current(replace(record, version="0.0"), str(source), target, request)
    for name in record.outputs:
        written = tmp_path / "out" / name
        before = written.read_bytes()
        written.write_bytes(before + b" ")
        assert not is_current(record, str(source), target, request)
        written.write_bytes(before)
    assert is_current(record, str(source), target, request)
    (tmp_path / "src" / "m.onnx_data").write_bytes(b"\0" * 256)
    assert not is_current(record, str(source), target, request)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes in folders")
def test_a_pipe_and_a_device_are_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.onnx")
    for source in (tmp_path / "pipe.onnx", Path("/dev/zero")):
        record = rewrite_one(str(source), str(tmp_path / "out.onnx"), QUICK)
        assert (record.status, record.key) == (Status.UNREADABLE, "")
        assert "a pipe or device, not a file" in record.message


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_a_status_of_its_own(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = folder_of(tmp_path / "src", "m.onnx") / "m.onnx"

    def full(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", full)
    record = rewrite_one(str(source), str(tmp_path / "out" / "m.onnx"), QUICK)
    assert record.status is Status.DISK_FULL
    assert f"m.onnx: cannot be written: {os.strerror(number)}" in record.message
    assert not contents(tmp_path / "out")


def test_guesses_are_counted_apart(tmp_path: Path) -> None:
    record = rewrite_one(str(EXPORTS / "opset17" / "dy.onnx"), str(tmp_path / "m.onnx"), QUICK)
    assert (record.nodes, record.placed, record.guessed) == (16, 12, 4)
