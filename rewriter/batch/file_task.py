"""Rewrites one file of a batch; runs in any process, on any machine."""

from __future__ import annotations

import errno
import threading
import time
from dataclasses import replace
from pathlib import Path

from rewriter import pipeline
from rewriter.batch import remote
from rewriter.batch.record import Record, Status, status_of
from rewriter.batch.request import Request
from rewriter.batch.up_to_date import key_of
from rewriter.errors import CannotWrite, RewriterError
from rewriter.model.limits import within
from rewriter.model.storage.data_copies import Watched
from rewriter.model.storage.digests import of_file
from rewriter.model.storage.files import demand_regular
from rewriter.runtime.child_limits import limits
from rewriter.views.escape import shorten, visible

_ALONE = threading.Lock()
"""Lock for one file at a time: engines may call from threads, but processes give the parallelism."""
_LONGEST = 1000


def rewrite_one(source: str, target: str, request: Request) -> Record:
    """Rewrite one file and return its record.

    The output depends only on the arguments, the contents of the files that they name and of a config beside
    the model, and the versions of the packages: every process writes the same bytes. Errors are returned in
    the record, not raised.

    Args:
        source: path or URL of the model.
        target: path or URL to write; missing folders are created.
        request: the request.
    """
    started = time.monotonic()
    record = Record(source, target, Status.DONE, request=request.seal)
    with _ALONE:
        try:
            request = request if request.seal else request.sealed()
            record = _rewritten(replace(record, request=request.seal), request)
        except Exception as error:
            record = failed(record, error)
    return replace(record, seconds=round(time.monotonic() - started, 3))


def failed(record: Record, error: Exception) -> Record:
    """Return the record of a file whose rewrite raised an error."""
    cause = error.__context__ if isinstance(error, RewriterError) else error
    if isinstance(cause, OSError) and cause.errno in {errno.ENOSPC, errno.EDQUOT}:
        return replace(record, status=Status.DISK_FULL, message=_line(str(error)))
    if isinstance(error, RewriterError):
        return replace(record, status=status_of(error.exit_code), message=_line(str(error)))
    what = _line(f"{type(error).__name__}: {error}")
    return replace(record, status=Status.FAULT, message=f"{record.source}: internal error: {what}")


def _rewritten(record: Record, request: Request) -> Record:
    children = request.children
    with (
        limits(memory=children.memory, threads=children.threads, shapes=children.shapes),
        within(request.files),
        remote.fetched(record.source, config=request.config) as here,
    ):
        demand_regular(here.path)
        watched = Watched([here.path])
        record = replace(record, key=key_of(here.path, request), stamps=here.stamps)
        try:
            with remote.put(record.target) as target:
                if not request.dry_run:
                    _make(target.parent)
                report = pipeline.rewrite(
                    here.path, None if request.dry_run else target, request.options(here.path)
                )
                watched.check()
                outputs = {
                    path.relative_to(target.parent).as_posix(): of_file(path) for path in report.outputs
                }
        except RewriterError as error:
            told = failed(record, error)
            return replace(told, message=_line(here.said(told.message)))
    tree, numeric = report.analysis.tree, report.verification.numeric
    return replace(
        record,
        nodes=len(tree.placements),
        placed=tree.placed,
        guessed=tree.guessed,
        refusals=len(report.refusals),
        exact=None if numeric is None else numeric.agrees,
        outputs=outputs,
        notes=tuple(_line(here.said(note)) for note in report.analysis.notes),
        misses={f"{miss.what} {miss.word}": _line(miss.message) for miss in report.misses},
    )


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWrite(f"{folder}: cannot be made: {error.strerror}; choose another folder") from None


def _line(text: str) -> str:
    return shorten(visible(" ".join(text.split())), _LONGEST)
