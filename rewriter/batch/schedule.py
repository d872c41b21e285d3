"""Runs a batch: finds the files, skips finished ones, processes the rest, and records every result."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from rewriter.basics.display import Display, counted
from rewriter.batch import companions, remote, sources
from rewriter.batch.at_work import AtWork, BatchState
from rewriter.batch.engines.choice import engine_of
from rewriter.batch.engines.engine import Work
from rewriter.batch.file_task import rewrite_one
from rewriter.batch.ledger import NAME, Ledger
from rewriter.batch.record import Record, Status, worst
from rewriter.batch.request import Request
from rewriter.batch.todo import Todo
from rewriter.errors import CannotWrite, EngineLost, UsageError
from rewriter.model.storage.sidecar_path import sidecar_path

OnRecord = Callable[[Record, int, int], None]
"""Callback for each record: the record, the number of finished files, and the number of files."""


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
    watch: Callable[[BatchState], None] = lambda state: None,
    file_timeout: float | None = None,
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
        watch: callback for the state of the run, called about twice a second while files are processed.
        file_timeout: seconds for one file; the process that rewrites it is killed at the limit.
        work: the function that processes one file.

    Raises:
        UnreadableModel: a source does not exist or has no model, or shared evidence cannot be read.
        UsageError: a glob matches nothing, two files would get one target, a file would replace itself, the
            engine is not available, shared evidence is not usable, or a remote output has no `ledger`.
        CannotWrite: the ledger or a copied file cannot be written, or a disk is full.
        EngineLost: the engine cannot be reached or can no longer work.
        KeyboardInterrupt: Ctrl-C; the text says how far the run came.
    """
    started = time.monotonic()
    texts = [source] if isinstance(source, str | os.PathLike) else list(source)
    names, target = [os.fspath(text) for text in texts], os.fspath(output)
    request = replace(request or Request(), copy_data=True, narrow=True).sealed()
    make_engine = engine_of(engine, jobs, [*names, target], work, file_timeout)
    replace(request, config=False).options(Path())  # fail early if the shared evidence cannot be read
    jobs_found = sources.find(names, target)
    made = {Path(each.target) for each in jobs_found}
    beside = companions.find(names, target, also, {*made, *map(sidecar_path, made)})
    path = Path(ledger) if ledger is not None else _ledger_in(target)
    with Ledger(path) as book:
        todo = Todo(jobs_found, target, request, book, again=again)
        with _telling_how_far(todo):
            if todo.left:
                with closing(make_engine()) as at_work:
                    for record in AtWork(todo, at_work, watch).records():
                        told(record, todo.through, len(jobs_found))
        records = tuple(todo.records[job.target] for job in jobs_found)
    if not request.dry_run:
        companions.copy(beside)
    return Batch(records, frozenset(todo.kept), target, path, time.monotonic() - started)


@contextmanager
def _telling_how_far(todo: Todo) -> Iterator[None]:
    """Add to the reason why a run stops how far it came, if it finished a file."""
    try:
        yield
    except (CannotWrite, EngineLost) as error:
        if not todo.through:
            raise
        kind = EngineLost if isinstance(error, EngineLost) else CannotWrite
        raise kind(f"{error}; {todo.how_far}") from None
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"interrupted: {todo.how_far}") from None


def _ledger_in(output: str) -> Path:
    if remote.is_url(output):
        raise UsageError(f"{output}: a ledger needs a file that can be appended to; name one by --ledger")
    return Path(remote.local(output)) / NAME
