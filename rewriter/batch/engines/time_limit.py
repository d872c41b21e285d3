"""Time limits of one file: in the local pool, and on the workers of a cluster.

The pool ends its own process. A process of a cluster is not ours to end, so there a file with a limit is
rewritten in a child process of the worker. That costs the start of one process per file.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

from rewriter.batch.engines.engine import Work
from rewriter.batch.file_task import failed
from rewriter.batch.record import Record, Status
from rewriter.batch.request import Request
from rewriter.errors import RewriterError
from rewriter.runtime.child.call import Task, run
from rewriter.runtime.child.job import Cause, Job
from rewriter.runtime.child_limits import limits

_Call = tuple[Work, str, str, Request]
_TASK: Task[Record] = Task("rewriter.batch.engines.time_limit:work_in_child", "the rewrite")
_ANY_MEMORY = 1 << 62
"""Bytes of memory that a rewrite may use: `--memory` is for the processes that run models."""


def timed_out(source: str, target: str, request: Request, seconds: float) -> Record:
    """Return the record of a file that took longer than its limit."""
    message = f"{source}: not done after {seconds:g} s; --file-timeout gives it longer"
    return Record(source, target, Status.TIMED_OUT, message, request=request.seal, seconds=seconds)


class Deadline:
    """The time limit of a file in a process.

    Args:
        file: the file in progress.
        seconds: the limit, from now on.
        end: ends the process of the file.
        late: the record of the file if its process had to be ended.
    """

    def __init__(self, file: Future[Record], seconds: float, end: Callable[[], None], late: Record) -> None:
        self.record: Future[Record] = Future()
        self._end = end
        self._late = late
        self._over = threading.Event()
        self._timer = threading.Timer(seconds, self._expire)
        self._timer.daemon = True
        self._timer.start()
        file.add_done_callback(self._enter)

    def _expire(self) -> None:
        self._over.set()
        self._end()

    def _enter(self, file: Future[Record]) -> None:
        self._timer.cancel()
        if file.cancelled():
            self.record.cancel()
        elif (error := file.exception()) is None:
            self.record.set_result(file.result())
        elif self._over.is_set():
            self.record.set_result(self._late)
        else:
            self.record.set_exception(error)


@dataclass(frozen=True)
class InChild:
    """Work in a child process, which is killed at the time limit.

    Attributes:
        work: the work.
        seconds: the limit.
    """

    work: Work
    seconds: float

    def __call__(self, source: str, target: str, request: Request) -> Record:
        """Process a file, and return its record.

        Raises:
            ChildProcessError: the child process died.
        """
        try:
            with limits(memory=_ANY_MEMORY):
                found = run(_TASK, (self.work, source, target, request), {}, timeout=self.seconds)
        except RewriterError as error:
            return failed(Record(source, target, Status.FAULT, request=request.seal), error)
        if isinstance(found, Record):
            return found
        if found.cause is Cause.LIMIT:
            return timed_out(source, target, request, self.seconds)
        raise ChildProcessError(found.how)


def work_in_child(job: Job[_Call]) -> Record:
    """Process the file of a job; its temporary files go into the folder of the job, which is removed."""
    tempfile.tempdir = str(job.folder)
    work, source, target, request = job.request
    return work(source, target, request)
