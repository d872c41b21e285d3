"""The files of a batch: those that a current record covers, and those that are left to process."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from rewriter.basics import interrupts
from rewriter.basics.display import counted
from rewriter.batch import remote
from rewriter.batch.engines.pool import cores
from rewriter.batch.ledger import Ledger
from rewriter.batch.record import Record, Status
from rewriter.batch.request import Request
from rewriter.batch.sources import FileJob
from rewriter.batch.up_to_date import is_current
from rewriter.errors import CannotWrite


class Todo:
    """The files of a batch that are left to process, and the records of the finished ones."""

    def __init__(
        self, jobs: Sequence[FileJob], output: str, request: Request, ledger: Ledger, *, again: bool
    ) -> None:
        self.jobs = jobs
        self.request = request
        self.records: dict[str, Record] = {}
        self.kept: set[str] = set()
        self._output = output
        self._ledger = ledger
        self._again = again
        self._keep(jobs)
        self.left = deque(job for job in jobs if job.target not in self.records)

    @property
    def through(self) -> int:
        """The number of finished files."""
        return len(self.records)

    @property
    def how_far(self) -> str:
        """The number of finished files, and the way to go on, for the message of a run that stops."""
        return (
            f"{self.through:,} of {counted(len(self.jobs), 'file')} finished; run the same command again to "
            "go on"
        )

    def claim(self, most: int) -> tuple[list[FileJob], int]:
        """Claim up to `most` of the files that are left; return them, and the number that others hold."""
        claimed: list[FileJob] = []
        passed: list[FileJob] = []
        while self.left and len(claimed) < most:
            job = self.left.popleft()
            if not self._ledger.claim(job.target):
                passed.append(job)
            # Another run may have finished the file after this run read the ledger and before the claim.
            elif job.target in self._ledger.records() and self._keep([job]):
                self._ledger.release(job.target)
            else:
                claimed.append(job)
        self.left.extend(passed)
        return claimed, len(passed)

    def place(self, job: FileJob) -> str:
        """Return the path or URL to write a file to."""
        if remote.is_url(self._output):
            return f"{self._output.rstrip('/')}/{job.target}"
        return str(Path(remote.local(self._output)) / job.target)

    def enter(self, job: FileJob, record: Record) -> Record:
        """Record a processed file, and return the record with its target.

        Raises:
            CannotWrite: a disk is full.
        """
        if record.status is Status.DISK_FULL:
            raise CannotWrite(record.message)
        record = replace(record, target=job.target)
        with interrupts.held():  # so that an interrupted run counts the records that it wrote
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
                lambda pair: is_current(pair[1], pair[0].source, self.place(pair[0]), self.request),
                candidates,
            )
            for (job, record), same in zip(candidates, current, strict=True):
                if same:
                    self.records[job.target] = record
                    self.kept.add(job.target)
        return all(job.target in self.records for job in jobs)

    def _counts(self, record: Record) -> bool:
        return record.status is Status.DONE or (record.status.final and not self._again)
