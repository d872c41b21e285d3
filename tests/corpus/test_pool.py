"""A worker that dies or hangs costs one file; the next file gets a new one."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import onnx
import pytest

from benchmarks.corpus import process
from benchmarks.corpus_pool import MEMORY, Pool
from benchmarks.corpus_worker import OURS, Verdict
from tests.build import chain
from tests.processes import PATIENCE


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "m.onnx").write_bytes(chain("/a/Relu").SerializeToString())
    return tmp_path / "m.onnx"


@pytest.fixture
def pool(path: Path) -> Iterator[Pool]:
    """One whose worker is at work."""
    with Pool(seconds=PATIENCE) as pool:
        assert pool.run(path, OURS).verdict is Verdict.EQUAL
        yield pool


def _worker(pool: Pool) -> int:
    assert pool._worker is not None
    return pool._worker.pid


def test_a_worker_that_is_gone(pool: Pool, path: Path) -> None:
    assert pool._worker is not None
    first = _worker(pool)
    pool._worker.kill()
    pool._worker.wait()
    result = pool.run(path, OURS)
    assert (result.verdict, result.why) == (Verdict.CRASHED, "the process ended with signal SIGKILL")
    assert pool.run(path, OURS).verdict is Verdict.EQUAL
    assert _worker(pool) != first


def test_a_worker_that_dies_at_work(pool: Pool, path: Path) -> None:
    os.kill(_worker(pool), signal.SIGSTOP)  # so that it is not done before
    threading.Timer(0.3, os.kill, (_worker(pool), signal.SIGKILL)).start()
    result = pool.run(path, OURS)
    assert (result.verdict, result.why) == (Verdict.CRASHED, "the process ended with signal SIGKILL")
    assert pool.run(path, OURS).verdict is Verdict.EQUAL


def test_a_worker_that_hangs(pool: Pool, path: Path) -> None:
    hanging = _worker(pool)
    os.kill(hanging, signal.SIGSTOP)
    pool.seconds = 0.3
    result = pool.run(path, OURS)
    assert (result.verdict, result.why) == (Verdict.TIMED_OUT, "not done after 0.3 s")
    with pytest.raises(ProcessLookupError):
        os.kill(hanging, 0)
    pool.seconds = PATIENCE
    assert pool.run(path, OURS).verdict is Verdict.EQUAL


def test_memory_is_limited(path: Path) -> None:
    model = onnx.load(path)
    model.doc_string = "x" * (128 << 20)
    path.write_bytes(model.SerializeToString())
    with Pool(seconds=PATIENCE, memory=160 << 20) as pool:
        assert pool.run(path, OURS).verdict is Verdict.CRASHED
        path.write_bytes(chain("/a/Relu").SerializeToString())
        assert pool.run(path, OURS).verdict is Verdict.EQUAL


def test_a_journal_is_gone_on_from(path: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    first = process([("m", path)], [OURS], PATIENCE, MEMORY, journal)
    path.unlink()  # what is known is not done again
    assert process([("m", path)], [OURS], PATIENCE, MEMORY, journal) == first
    assert len(journal.read_text().splitlines()) == 1
