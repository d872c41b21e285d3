from __future__ import annotations

import signal
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from pathlib import Path

import pytest

from rewriter.batch import Record
from rewriter.batch.engines.choice import engine_of
from rewriter.batch.engines.pool import Pool
from rewriter.batch.engines.time_limit import Deadline, InChild, timed_out
from rewriter.batch.record import Status
from rewriter.errors import UsageError
from tests.batch.making import QUICK, dies_at_poison, folder_of, hangs
from tests.processes import wait_for

LATE = timed_out("a.onnx", "out/a.onnx", QUICK, 1.0)
DONE = Record("a.onnx", "out/a.onnx", Status.DONE)


def test_a_file_in_time_keeps_its_record() -> None:
    file: Future[Record] = Future()
    limited = Deadline(file, 3600.0, lambda: None, LATE)
    file.set_result(DONE)
    assert limited.record.result() is DONE


def test_a_process_that_was_ended_gives_a_record_of_its_own() -> None:
    file: Future[Record] = Future()
    limited = Deadline(file, 0.0, lambda: file.set_exception(BrokenProcessPool()), LATE)
    assert limited.record.result() is LATE
    assert (LATE.status, LATE.status.exit_code, LATE.status.final) == (Status.TIMED_OUT, 5, False)


def test_a_process_that_died_by_itself_is_no_late_one() -> None:
    file: Future[Record] = Future()
    limited = Deadline(file, 3600.0, lambda: None, LATE)
    file.set_exception(BrokenProcessPool())
    with pytest.raises(BrokenProcessPool):
        limited.record.result()


@pytest.mark.parametrize("deaf", [False, pytest.param(True, marks=pytest.mark.thorough)])
def test_the_pool_ends_a_process_and_goes_on(deaf: bool, tmp_path: Path) -> None:
    source = folder_of(tmp_path, "hangs.onnx", "m.onnx")
    with closing(Pool(1, hangs_deaf if deaf else hangs, 3600.0)) as pool:
        file = pool.submit(str(source / "hangs.onnx"), str(tmp_path / "out" / "hangs.onnx"), QUICK)
        wait_for((source / "hangs.begun").exists)
        (slot,) = pool._slots
        assert slot._latest is not None
        slot._end(slot._latest)  # as the deadline does
        with pytest.raises((KeyboardInterrupt, BrokenProcessPool)):
            file.result()
        after = pool.submit(str(source / "m.onnx"), str(tmp_path / "out" / "m.onnx"), QUICK)
        assert after.result().status is Status.DONE


def hangs_deaf(source: str, target: str, request: object) -> Record:
    """Work that does not even hear an interrupt."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    return hangs(source, target, QUICK)


def test_on_a_cluster_the_file_has_a_child(tmp_path: Path) -> None:
    source = str(folder_of(tmp_path, "hangs.onnx") / "hangs.onnx")
    record = InChild(hangs, 0.05)(source, str(tmp_path / "out.onnx"), QUICK)
    assert record.status is Status.TIMED_OUT
    assert record.message == f"{source}: not done after 0.05 s; --file-timeout gives it longer"


@pytest.mark.thorough
def test_a_child_in_time_and_one_that_dies(tmp_path: Path) -> None:
    source = folder_of(tmp_path, "m.onnx", "poison.onnx")
    limited = InChild(dies_at_poison, 600.0)
    assert limited(str(source / "m.onnx"), str(tmp_path / "out.onnx"), QUICK).status is Status.DONE
    with pytest.raises(ChildProcessError, match="SIGKILL"):
        limited(str(source / "poison.onnx"), str(tmp_path / "out.onnx"), QUICK)


def test_memory_of_this_process_has_no_limit_of_time() -> None:
    with pytest.raises(UsageError, match="no other process sees it; leave out --file-timeout"):
        engine_of("local", None, ["memory://m.onnx"], hangs, 1.0)
