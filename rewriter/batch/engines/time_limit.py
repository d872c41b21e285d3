"""Limits the time of one file: it is rewritten in a child process, which is killed at the limit.

So the limit holds on every engine, for any code that hangs, and costs the start of one process per file.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, replace

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


@dataclass(frozen=True)
class TimeLimited:
    """Work on one file with a time limit.

    Attributes:
        work: the work.
        seconds: the limit.
    """

    work: Work
    seconds: float

    def __call__(self, source: str, target: str, request: Request) -> Record:
        """Process a file, and return its record; `TIMED_OUT` if that took too long.

        Raises:
            ChildProcessError: the child process died.
        """
        started = time.monotonic()
        record = Record(source, target, Status.TIMED_OUT, request=request.seal)
        try:
            with limits(memory=_ANY_MEMORY):
                found = run(_TASK, (self.work, source, target, request), {}, timeout=self.seconds)
        except RewriterError as error:
            return failed(record, error)
        if isinstance(found, Record):
            return found
        if found.cause is not Cause.LIMIT:
            raise ChildProcessError(found.how)
        message = f"{source}: not done after {self.seconds:g} s; --file-timeout gives it longer"
        return replace(record, message=message, seconds=round(time.monotonic() - started, 3))


def work_in_child(job: Job[_Call]) -> Record:
    """Process the file of a job; its temporary files go into the folder of the job, which is removed."""
    tempfile.tempdir = str(job.folder)
    work, source, target, request = job.request
    return work(source, target, request)
