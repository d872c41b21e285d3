"""Runs a batch: finds the files, skips finished ones, processes the rest, and records every result."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from rewriter.basics.display import Display, counted
from rewriter.batch import companions, remote, sources
from rewriter.batch.engines import Engine, engine_of
from rewriter.batch.file_task import rewrite_one
from rewriter.batch.ledger import NAME, Ledger
from rewriter.batch.pool import Work, cores
from rewriter.batch.record import Record, Status, worst
from rewriter.batch.request import Request
from rewriter.batch.sources import FileJob
from rewriter.batch.up_to_date import is_current
from rewriter.errors import UsageError
from rewriter.model.storage.sidecar_path import sidecar_path

OnRecord = Callable[[Record, int, int], None]
"""Callback for each record: the record, the number of finished files, and the number of files."""
_POLL = 0.5
"""Seconds between checks of a file that another run is processing."""


@dataclass(frozen=True, slots=True, repr=False)
class Batch(Display):
    """The results of many files.

    Attributes:
        records: the record of every file, in the order of their targets.
        kept: targets that an earlier or concurrent run finished.
        output: the folder or URL that was written to.
        ledger: path of the ledger.
        seconds: time spent.
    """

    records: tuple[Record, ...]
    kept: frozenset[str]
    output: str
    ledger: Path
    seconds: float

    @property
    def failures(self) -> tuple[Record, ...]:
        """The records of files that are not done."""
        return tuple(record for record in self.records if record.status is not Status.DONE)

    @property
    def misses(self) -> tuple[str, ...]:
        """One message for each glob of a pass that matches nothing in any done file."""
        done = [record.misses for record in self.records if record.status is Status.DONE]
        if not done:
            return ()
        return tuple(text for key, text in done[0].items() if all(key in misses for misses in done))

    @property
    def exit_code(self) -> int:
        """The exit code of the worst record; a glob without a match in any done file counts as `misuse`."""
        statuses = [record.status for record in self.records]
        return worst([*statuses, Status.MISUSE] if self.misses else statuses).exit_code

    def _brief(self) -> str:
        return f"{counted(len(self.records), 'file')}, {len(self.failures):,} failed, in {self.output}"


def run(
    source: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    output: str | os.PathLike[str],
    request: Request | None = None,
    *,
    engine: str = "local",
    jobs: int | None = None,
    ledger: str | os.PathLike[str] | None = None,
    again: bool = False,
    also: Sequence[str] = (),
    told: OnRecord = lambda record, through, of: None,
    work: Work = rewrite_one,
) -> Batch:
    """Rewrite many files, except those with a current record in the ledger.

    A record is current if its status is final, its source and request are the same, and its outputs are
    intact; see `is_current`.

    Scripts must call it under `if __name__ == "__main__":`, since it spawns processes.

    Args:
        source: a file, folder, glob, or URL of one; or several of them.
        output: the folder to write to, or its URL. It mirrors the folders of the sources.
        request: the settings; external data is always copied.
        engine: `local`, `dask://host:port`, `ray` or `ray://host:port`.
        jobs: processes of the local engine; one per core if None.
        ledger: file of the records; in the output folder if None.
        again: whether files with a final failure are processed again; see `Status.final`.
        also: globs of other files to copy from source folders, such as `*.json`.
        told: callback for each record that this run adds.
        work: the function that processes one file.

    Raises:
        UnreadableModel: a source does not exist or has no model, or shared evidence cannot be read.
        UsageError: a glob matches nothing, two files would get one target, a file would replace itself, the
            engine is not available, shared evidence is not usable, or a remote output has no `ledger`.
        CannotWrite: the ledger or a copied file cannot be written.
    """
    started = time.monotonic()
    texts = [source] if isinstance(source, str | os.PathLike) else list(source)
    names, target = [os.fspath(text) for text in texts], os.fspath(output)
    request = replace(request or Request(), copy_data=True, narrow=True).sealed()
    make_engine = engine_of(engine, jobs, [*names, target], work)
    replace(request, config=False).options(Path())  # fail early if the shared evidence cannot be read
    jobs_found = sources.find(names, target)
    made = {Path(each.target) for each in jobs_found}
    beside = companions.find(names, target, also, {*made, *map(sidecar_path, made)})
    path = Path(ledger) if ledger is not None else _ledger_in(target)
    with Ledger(path) as book:
        todo = _Todo(jobs_found, target, request, book, again=again)
        if todo.left:
            with closing(make_engine()) as at_work:
                for record in todo.run(at_work):
                    told(record, todo.through, len(jobs_found))
        records = tuple(todo.records[job.target] for job in jobs_found)
    if not request.dry_run:
        companions.copy(beside)
    return Batch(records, frozenset(todo.kept), target, path, time.monotonic() - started)


def _ledger_in(output: str) -> Path:
    if remote.is_url(output):
        raise UsageError(f"{output}: a ledger needs a file that can be appended to; name one by --ledger")
    return Path(remote.local(output)) / NAME


class _Todo:
    """The files of a batch that are left to process, and the records of the finished ones."""

    def __init__(
        self, jobs: Sequence[FileJob], output: str, request: Request, ledger: Ledger, *, again: bool
    ) -> None:
        self.records: dict[str, Record] = {}
        self.kept: set[str] = set()
        self._output = output
        self._request = request
        self._ledger = ledger
        self._again = again
        self._keep(jobs)
        self.left = deque(job for job in jobs if job.target not in self.records)

    @property
    def through(self) -> int:
        """The number of finished files."""
        return len(self.records)

    def run(self, engine: Engine) -> Iterator[Record]:
        """Process the remaining files, then one by one the files whose process died; yield each record."""
        under_way: dict[Future[Record], FileJob] = {}
        died: list[FileJob] = []
        while self.left or under_way:
            busy_elsewhere = self._start(engine, under_way)
            ended, _ = wait(under_way, timeout=_POLL, return_when=FIRST_COMPLETED)
            for future in ended:
                job = under_way.pop(future)
                record = self._outcome(future, job)
                if record is None:
                    died.append(job)
                else:
                    yield self._enter(job, record)
            if busy_elsewhere and not under_way:
                time.sleep(_POLL)
        for job in died:
            record = self._outcome(self._submit(engine, job), job)
            message = f"{job.source}: the process that rewrote it died twice, the second time alone"
            yield self._enter(
                job, record or Record(job.source, "", Status.CRASHED, message, request=self._request.seal)
            )

    def _start(self, engine: Engine, under_way: dict[Future[Record], FileJob]) -> bool:
        """Submit as many files as the engine takes; return whether another run holds a file that is left."""
        passed: list[FileJob] = []
        width = engine.width
        while self.left and len(under_way) < width:
            job = self.left.popleft()
            if not self._ledger.claim(job.target):
                passed.append(job)
                continue
            # Another run may have finished the file after this run read the ledger and before the claim.
            if job.target in self._ledger.records() and self._keep([job]):
                self._ledger.release(job.target)
                continue
            under_way[self._submit(engine, job)] = job
        self.left.extend(passed)
        return bool(passed)

    def _submit(self, engine: Engine, job: FileJob) -> Future[Record]:
        return engine.submit(job.source, self._place(job), self._request)

    def _place(self, job: FileJob) -> str:
        if remote.is_url(self._output):
            return f"{self._output.rstrip('/')}/{job.target}"
        return str(Path(remote.local(self._output)) / job.target)

    def _outcome(self, future: Future[Record], job: FileJob) -> Record | None:
        """Return the record of a finished file; None if its process died. The work itself raises nothing."""
        try:
            return future.result()
        except Exception:
            return None

    def _enter(self, job: FileJob, record: Record) -> Record:
        record = replace(record, target=job.target)
        self._ledger.append(record)
        self._ledger.release(job.target)
        self.records[job.target] = record
        return record

    def _keep(self, jobs: Sequence[FileJob]) -> bool:
        """Take over current records of the ledger; return whether they cover all `jobs`."""
        known = self._ledger.records()
        candidates = [
            (job, known[job.target])
            for job in jobs
            if job.target in known and self._counts(known[job.target])
        ]
        with ThreadPoolExecutor(cores()) as threads:  # hashing releases the GIL
            current = threads.map(
                lambda pair: is_current(pair[1], pair[0].source, self._place(pair[0]), self._request),
                candidates,
            )
            for (job, record), same in zip(candidates, current, strict=True):
                if same:
                    self.records[job.target] = record
                    self.kept.add(job.target)
        return all(job.target in self.records for job in jobs)

    def _counts(self, record: Record) -> bool:
        return record.status is Status.DONE or (record.status.final and not self._again)
