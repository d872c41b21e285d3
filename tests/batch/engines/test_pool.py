from __future__ import annotations

from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool

import pytest

from rewriter.batch import rewrite_one
from rewriter.batch.engines.pool import Pool
from rewriter.errors import EngineLost


def test_processes_that_cannot_begin_end_the_run() -> None:
    """As those of a script that calls `batch.run` as it is imported."""
    pool = Pool(2, rewrite_one)
    first, second = (slot._pid for slot in pool._slots)
    assert pool.look() == ()
    first.set_exception(BrokenProcessPool())
    with pytest.raises(EngineLost, match=r"^local: a process ended before its first file"):
        pool.look()
    second.set_result(1)
    assert pool.look() == ()


def test_a_process_killed_at_its_start_is_no_sign_once_another_began() -> None:
    pool = Pool(1, rewrite_one)
    pool._slots[0]._pid.set_result(1)
    assert pool.look() == ()
    pool._slots[0]._pid = Future()
    pool._slots[0]._pid.set_exception(BrokenProcessPool())
    assert pool.look() == ()
