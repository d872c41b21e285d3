"""Files behind URLs: memory and http by fsspec, and plain paths without it."""

from __future__ import annotations

import functools
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import onnx
import pytest

from rewriter import batch
from rewriter.batch import remote
from rewriter.batch.file_task import rewrite_one
from rewriter.batch.record import Status
from rewriter.batch.up_to_date import is_current
from rewriter.errors import UnreadableModel, UsageError
from tests.batch.making import QUICK, contents, folder_of, with_data

NAMES = ("bert/onnx/model.onnx", "other/model.onnx")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = folder_of(tmp_path_factory.mktemp("hub") / "src", *NAMES)
    with_data(folder / NAMES[0], "model.onnx_data")
    (folder / "bert" / "config.json").write_text("{}")
    return folder


@pytest.fixture(scope="module")
def whole(source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What the same files give from a folder."""
    out = tmp_path_factory.mktemp("local") / "out"
    assert batch.run(source, out, QUICK, jobs=1).exit_code == 0
    return contents(out)


@pytest.fixture
def memory() -> Iterator[Any]:
    fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed: pip install '.[batch]'")
    system = fsspec.filesystem("memory")
    yield system
    system.store.clear()


def contents_of(memory: Any, folder: str) -> dict[str, bytes]:
    return {name.removeprefix(f"/{folder}/"): memory.cat(name) for name in memory.find(folder)}


def test_from_memory_to_memory_and_back(
    memory: Any, source: Path, whole: dict[str, bytes], tmp_path: Path
) -> None:
    memory.put(f"{source}/", "/hub/", recursive=True)
    ledger = tmp_path / "ledger.jsonl"
    found = batch.run("memory://hub", "memory://out", QUICK, ledger=ledger)
    assert [record.message for record in found.records] == ["", ""]
    assert contents_of(memory, "out") == whole
    assert batch.run("memory://hub/**/model.onnx", tmp_path / "out", QUICK).exit_code == 0
    assert contents(tmp_path / "out") == whole
    # Every file of the memory file system tells when it was made: that is its version.
    assert len(batch.run("memory://hub", "memory://out", QUICK, ledger=ledger).kept) == 2
    memory.pipe("/hub/other/model.onnx", memory.cat("/hub/bert/onnx/model.onnx"))
    memory.rm("/out/bert/onnx/model.onnx_data")
    assert not batch.run("memory://hub", "memory://out", QUICK, ledger=ledger).kept


def test_one_file(memory: Any, source: Path, whole: dict[str, bytes], tmp_path: Path) -> None:
    memory.put(f"{source}/", "/hub/", recursive=True)
    assert batch.run(f"memory://hub/{NAMES[1]}", tmp_path / "out", QUICK).exit_code == 0
    assert contents(tmp_path / "out")["model.onnx"] == whole[NAMES[1]]


def test_a_config_that_was_not_there_before_makes_a_record_old(
    memory: Any, source: Path, tmp_path: Path
) -> None:
    memory.put(f"{source}/{NAMES[1]}", "/hub/m/model.onnx")
    url, target, request = "memory://hub/m/model.onnx", str(tmp_path / "o.onnx"), QUICK.sealed()
    record = replace(rewrite_one(url, target, request), stamps={url: remote.stamp(url)})
    assert is_current(record, url, target, request)
    for place in ("/hub/m/config.json", "/hub/config.json"):
        memory.pipe(place, b"{}")
        assert not is_current(record, url, target, request)
        assert is_current(record, url, target, replace(request, config=False, seal=request.seal))
        memory.rm(place)


def test_data_outside_the_folder_is_never_fetched(memory: Any, source: Path, tmp_path: Path) -> None:
    model = onnx.load(source / NAMES[0], load_external_data=False)
    for entry in model.graph.initializer[0].external_data:
        if entry.key == "location":
            entry.value = "../secret"
    memory.pipe("/hub/bert/model.onnx", model.SerializeToString())
    memory.pipe("/hub/secret", b"\0" * 256)
    (record,) = batch.run("memory://hub/bert/model.onnx", tmp_path / "out", QUICK).records
    assert record.status is Status.UNREADABLE
    assert record.message.startswith("memory://hub/bert/model.onnx: external data '../secret' is not inside")
    assert list(record.stamps) == ["memory://hub/bert/model.onnx"]


@pytest.mark.parametrize("location", ["memory:/secret", "weights::memory://secret", "../secret", "/secret"])
def test_no_location_leads_elsewhere(location: str, memory: Any, source: Path, tmp_path: Path) -> None:
    model = onnx.load(source / NAMES[0], load_external_data=False)
    for entry in model.graph.initializer[0].external_data:
        if entry.key == "location":
            entry.value = location
    memory.pipe("/hub/model.onnx", model.SerializeToString())
    memory.pipe("/secret", b"\0" * 256)
    (record,) = batch.run("memory://hub/model.onnx", tmp_path / "out", QUICK).records
    assert record.status is Status.UNREADABLE
    assert list(record.stamps) == ["memory://hub/model.onnx"]


def test_no_name_on_a_server_leads_out_of_the_output(
    memory: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory.pipe("/hub/model.onnx", b"junk")
    monkeypatch.setattr(type(memory), "find", lambda *_: ["/hub/a.onnx", "/hub/../../evil.onnx"])
    with pytest.raises(UnreadableModel, match="would lie outside of the output"):
        batch.run("memory://hub", tmp_path / "out", QUICK)
    assert list(tmp_path.iterdir()) == []


def test_misuse(memory: Any, tmp_path: Path) -> None:
    memory.pipe("/hub/model.onnx", b"junk")
    with pytest.raises(UsageError, match="name one by --ledger"):
        batch.run("memory://hub", "memory://out", QUICK)
    with pytest.raises(UsageError, match="no other process sees it"):
        batch.run("memory://hub", tmp_path, QUICK, engine="dask://127.0.0.1:9")
    with pytest.raises(UsageError, match="nothing://hub"):
        batch.run("nothing://hub", tmp_path, QUICK)
    assert batch.run("memory://hub", tmp_path, QUICK).exit_code == 3


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: Any) -> None:
        pass


@pytest.fixture
def server(source: Path, tmp_path: Path) -> Iterator[str]:
    shutil.copytree(source, tmp_path / "served")
    handler = functools.partial(_Quiet, directory=str(tmp_path / "served"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as found:
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{found.server_port}"
        found.shutdown()
        thread.join()


def test_over_http(server: str, whole: dict[str, bytes], tmp_path: Path) -> None:
    pytest.importorskip("fsspec", reason="fsspec is not installed: pip install '.[batch]'")
    pytest.importorskip("aiohttp", reason="aiohttp is not installed, which fsspec needs for http")
    out = tmp_path / "out"
    found = batch.run(f"{server}/{NAMES[0]}?download=true", out, QUICK, jobs=1)
    assert [record.message for record in found.records] == [""]
    assert contents(out) == {
        name.removeprefix("bert/onnx/"): data for name, data in whole.items() if name.startswith("bert")
    }
    (record,) = batch.run(f"{server}/none.onnx", tmp_path / "other", QUICK, jobs=1).records
    assert record.status is Status.UNREADABLE
    assert "no such file; check the URL" in record.message


@pytest.fixture
def bucket(source: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A server on this machine that speaks S3, with the files in the bucket `hub`, and an empty one `out`."""
    fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed: pip install '.[batch]'")
    moto = pytest.importorskip("moto.server", reason="moto is not installed: pip install 'moto[server]'")
    pytest.importorskip("s3fs", reason="s3fs is not installed: pip install s3fs")
    server = moto.ThreadedMotoServer("127.0.0.1", port=0)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    for name, text in (("ACCESS_KEY_ID", "x"), ("SECRET_ACCESS_KEY", "x"), ("ENDPOINT_URL", address)):
        monkeypatch.setenv(f"AWS_{name}", text)
    system = fsspec.filesystem("s3", skip_instance_cache=True)
    system.mkdir("hub")
    system.mkdir("out")
    system.put(f"{source}/", "s3://hub/models/", recursive=True)
    yield system
    server.stop()


def test_from_s3_to_s3(bucket: Any, whole: dict[str, bytes], tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    found = batch.run("s3://hub/models", "s3://out/tree", QUICK, ledger=ledger, jobs=1)
    assert [record.message for record in found.records] == ["", ""]
    written = {name.removeprefix("out/tree/"): bucket.cat(name) for name in bucket.find("s3://out")}
    assert written == whole
    again = batch.run("s3://hub/models/**/*.onnx", "s3://out/tree", QUICK, ledger=ledger, jobs=1)
    assert len(again.kept) == 2  # by their ETags, unread


def test_plain_paths_need_no_fsspec(source: Path, whole: dict[str, bytes], tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['fsspec'] = None\n"
        "from rewriter import batch\n"
        "request = batch.Request(numbers=False)\n"
        "if __name__ == '__main__':\n"
        "    assert batch.run('file://' + sys.argv[1], sys.argv[2], request, jobs=1).exit_code == 0\n"
        "    try:\n        batch.run('s3://bucket', sys.argv[2], request)\n"
        "    except Exception as error:\n        print(error)\n"
    )
    (tmp_path / "script.py").write_text(code)
    words = [sys.executable, str(tmp_path / "script.py"), str(source), str(tmp_path / "out")]
    told = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert told == "s3://bucket: URLs need fsspec; pip install 'onnx-module-rewriter[batch]'\n"
    assert contents(tmp_path / "out") == whole
