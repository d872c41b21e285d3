"""Gives the files of a batch to an engine, and waits for their records."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass

from rewriter.basics.display import counted
from rewriter.batch.engines.engine import Engine
from rewriter.batch.record import Record, Status
from rewriter.batch.sources import FileJob
from rewriter.batch.todo import Todo
from rewriter.errors import EngineLost
from rewriter.runtime.child.error_text import one_line

_POLL = 0.5
"""Seconds between two looks at the engine, and at files that another run is processing."""


@dataclass(frozen=True, slots=True)
class BatchState:
    """The state of a run.

    Attributes:
        through: number of finished files.
        of: number of files.
        under_way: target of a file in progress -> seconds since the engine has it, the oldest first.
        awaited: the event that the run waits for; empty if files are in progress.
        news: news of the workers since the last state, one line each.
    """

    through: int
    of: int
    under_way: Mapping[str, float]
    awaited: str
    news: Sequence[str]


class AtWork:
    """One run of an engine over the files that are left.

    Args:
        todo: the files.
        engine: the engine.
        watch: called with the state of the run at least every `_POLL` seconds, unless the engine blocks.
    """

    def __init__(self, todo: Todo, engine: Engine, watch: Callable[[BatchState], None]) -> None:
        self._todo = todo
        self._engine = engine
        self._watch = watch
        self._under_way: dict[Future[Record], tuple[FileJob, float]] = {}

    def records(self) -> Iterator[Record]:
        """Process the files that are left, then one by one the files whose process died; yield each record.

        Raises:
            CannotWrite: a disk is full, or the ledger cannot be written.
            EngineLost: the engine can no longer work.
        """
        died = yield from self._through(alone=False)
        self._todo.left.extend(died)
        yield from self._through(alone=True)

    def _through(self, *, alone: bool) -> Generator[Record, None, list[FileJob]]:
        """Process the files that are left; return those whose process died, unless they were alone."""
        died: list[FileJob] = []
        while self._todo.left or self._under_way:
            for job, future in self._ended(alone=alone):
                record = self._outcome(future)
                if record is not None:
                    yield self._todo.enter(job, record)
                elif alone:
                    yield self._todo.enter(job, self._crashed(job))
                else:
                    died.append(job)
        return died

    def _ended(self, *, alone: bool) -> Iterator[tuple[FileJob, Future[Record]]]:
        """Keep the engine busy, wait a moment, and yield the files that ended meanwhile."""
        news = self._engine.look()
        width = min(self._engine.width, 1) if alone else self._engine.width
        jobs, elsewhere = self._todo.claim(width - len(self._under_way))
        for job in jobs:
            self._under_way[self._submit(job)] = job, time.monotonic()
        self._watch(self._state(elsewhere, news))
        if self._under_way:
            ended, _ = wait(self._under_way, timeout=_POLL, return_when=FIRST_COMPLETED)
            for future in ended:
                yield self._under_way.pop(future)[0], future
        elif self._todo.left:
            time.sleep(_POLL)

    def _submit(self, job: FileJob) -> Future[Record]:
        try:
            return self._engine.submit(job.source, self._todo.place(job), self._todo.request)
        except Exception as error:  # packages of engines may raise anything
            raise EngineLost(f"{self._engine.name}: takes no file: {one_line(error)}") from None

    def _state(self, elsewhere: int, news: Sequence[str]) -> BatchState:
        now = time.monotonic()
        awaited = ""
        if not self._under_way:
            held = f"{counted(elsewhere, 'file')} that another run processes" if elsewhere else ""
            awaited = self._engine.awaited or held
        under_way = {job.target: now - since for job, since in self._under_way.values()}
        return BatchState(self._todo.through, len(self._todo.jobs), under_way, awaited, news)

    def _outcome(self, future: Future[Record]) -> Record | None:
        """Return the record of a finished file; None if its process died. The work itself raises nothing.

        Raises:
            EngineLost: the engine is lost, so nothing is known about the process.
        """
        try:
            return future.result()
        except Exception:
            self._engine.demand_answer()
            return None

    def _crashed(self, job: FileJob) -> Record:
        message = f"{job.source}: the process that rewrote it died twice, the second time alone"
        return Record(job.source, "", Status.CRASHED, message, request=self._todo.request.seal)
