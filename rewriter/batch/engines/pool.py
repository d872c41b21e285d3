"""A pool of processes, each with its own executor: a process that dies loses only its own file.

Processes are spawned, never forked: onnxruntime and torch have threads, which a fork would lose. A process
ends after its parent ends, even if the parent is killed, and has `_GRACE` seconds to clean up. The parent
handles Ctrl-C and interrupts the busy processes; on Windows, the system interrupts them too.
"""

from __future__ import annotations

import _thread
import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool

from rewriter.batch.engines.engine import Work
from rewriter.batch.engines.time_limit import Deadline, timed_out
from rewriter.batch.record import Record
from rewriter.batch.request import Request
from rewriter.errors import EngineLost

_AT_WORK = threading.Event()
"""Set while the process rewrites a file."""
_ASKED = threading.Event()
"""Set when the process was interrupted between two files."""
_GRACE = 5.0
"""Seconds that a process has to clean up after its parent ended."""


class _Slot:
    """One process of the pool, replaced when it dies."""

    def __init__(self) -> None:
        self._executor: ProcessPoolExecutor | None = None
        self._pid: Future[int] = Future()
        self._latest: Future[Record] | None = None

    @property
    def busy(self) -> bool:
        return self._latest is not None and not self._latest.done()

    @property
    def began(self) -> bool | None:
        """Whether the process began its work; None if that is not known yet."""
        return self._pid.exception() is None if self._pid.done() else None

    def submit(
        self, work: Work, source: str, target: str, request: Request, seconds: float | None
    ) -> Future[Record]:
        try:
            self._latest = self._living().submit(_work, work, source, target, request)
        except BrokenProcessPool:  # the process died after its last file
            self._executor = None
            self._latest = self._living().submit(_work, work, source, target, request)
        file = self._latest
        if seconds is None:
            return file
        return Deadline(
            file, seconds, lambda: self._end(file), timed_out(source, target, request, seconds)
        ).record

    def _end(self, file: Future[Record]) -> None:
        """End the process of a file; the next file gets a new process."""
        executor, self._executor = self._executor, None
        with contextlib.suppress(Exception):  # the process ended, or never started
            process = self._pid.result(timeout=_GRACE)
            if sys.platform != "win32":
                os.kill(process, signal.SIGINT)
                wait([file], _GRACE)
            if not file.done():
                os.kill(process, getattr(signal, "SIGKILL", signal.SIGTERM))
        if executor is not None:
            executor.shutdown(wait=False)

    def _living(self) -> ProcessPoolExecutor:
        if self._executor is None:
            context = multiprocessing.get_context("spawn")
            self._executor = ProcessPoolExecutor(1, context, initializer=_begin)
            self._pid = self._executor.submit(os.getpid)
        return self._executor

    def close(self) -> None:
        if self._executor is None:
            return
        if self.busy and sys.platform != "win32":
            with contextlib.suppress(Exception):  # the process died, or never started
                os.kill(self._pid.result(timeout=_GRACE), signal.SIGINT)
        self._executor.shutdown(wait=True, cancel_futures=True)


class Pool:
    """Processes on this machine.

    Args:
        jobs: number of processes; one per available core if None.
        work: the function that processes one file.
        seconds: time limit of a file; its process is interrupted at the limit, and killed if it goes on.
    """

    name = "local"
    awaited = ""

    def __init__(self, jobs: int | None, work: Work, seconds: float | None = None) -> None:
        self._slots = [_Slot() for _ in range(jobs or cores())]
        self._work = work
        self._seconds = seconds
        self._began = False

    @property
    def width(self) -> int:
        """The number of files that may be in progress."""
        return len(self._slots)

    def look(self) -> Sequence[str]:
        """Return no news: the processes have the packages of this one.

        Raises:
            EngineLost: no process began its work, and one ended, so others would too.
        """
        began = {slot.began for slot in self._slots}
        self._began = self._began or True in began
        if False in began and not self._began:
            raise EngineLost(
                "local: a process ended before its first file; a script calls batch.run under "
                "if __name__ == '__main__'"
            )
        return ()

    def demand_answer(self) -> None:
        """Do nothing: a process that died is replaced."""

    def submit(self, source: str, target: str, request: Request) -> Future[Record]:
        """Start one file; the future raises BrokenProcessPool if the process dies."""
        slot = next(slot for slot in self._slots if not slot.busy)
        return slot.submit(self._work, source, target, request, self._seconds)

    def close(self) -> None:
        """End all processes; interrupt busy ones, which clean up first. On Windows, wait for busy ones."""
        for slot in self._slots:
            slot.close()


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _begin() -> None:
    """Initialise a process of the pool: its signals, and the thread that waits for the parent to end."""
    if sys.platform != "win32":
        os.setsid()  # Ctrl-C in a terminal reaches the parent alone
    signal.signal(signal.SIGINT, _remember)
    threading.Thread(target=_follow, daemon=True).start()


def _follow() -> None:
    """End the process when its parent ends, even if the parent is killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        _thread.interrupt_main()
        limit = time.monotonic() + _GRACE
        while _AT_WORK.is_set() and time.monotonic() < limit:
            time.sleep(0.01)
        os._exit(1)


def _remember(number: int, frame: object) -> None:
    """Remember an interrupt that arrives between two files, so that the next file is not started."""
    _ASKED.set()


def _work(work: Work, source: str, target: str, request: Request) -> Record:
    """Process one file so that an interrupt stops it; an interrupt that came just before counts too."""
    _AT_WORK.set()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        if _ASKED.is_set():
            raise KeyboardInterrupt
        return work(source, target, request)
    finally:
        signal.signal(signal.SIGINT, _remember)
        _AT_WORK.clear()
