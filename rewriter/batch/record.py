"""The result of one file of a batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any

from rewriter.errors import BelowThreshold, CannotWrite, Different, NotProved, UnreadableModel, UsageError
from rewriter.version import __version__


class Status(StrEnum):
    """Status of a file, from best to worst."""

    DONE = "done"
    """Written, and proved."""
    BELOW_THRESHOLD = "below_threshold"
    """Too few nodes were placed, or something was refused under `--strict`."""
    MISUSE = "misuse"
    """The output cannot be written, an option does not fit this file, or onnxruntime is missing."""
    DISK_FULL = "disk_full"
    """A disk is full. The run stops, so no ledger has this status."""
    UNREADABLE = "unreadable"
    """The source, its external data or a file of evidence cannot be read, or `--like` does not fit it."""
    NOT_PROVED = "not_proved"
    """The result was not proved equal, or demanded numbers are missing."""
    TIMED_OUT = "timed_out"
    """The rewrite took longer than `--file-timeout` and was ended."""
    DIFFERENT = "different"
    """The result does not compute the same as the source."""
    CRASHED = "crashed"
    """The process that rewrote the file died twice, the second time while no other file was in progress."""
    FAULT = "fault"
    """An internal error."""

    @property
    def exit_code(self) -> int:
        """The exit code of `rewriter rewrite` for this status."""
        return _CODES[self]

    @property
    def final(self) -> bool:
        """Whether another run of the same request is expected to have the same status."""
        return self in _FINAL


_CODES = {
    Status.DONE: 0,
    Status.BELOW_THRESHOLD: BelowThreshold.exit_code,
    Status.MISUSE: UsageError.exit_code,
    Status.DISK_FULL: CannotWrite.exit_code,
    Status.UNREADABLE: UnreadableModel.exit_code,
    Status.NOT_PROVED: NotProved.exit_code,
    Status.TIMED_OUT: NotProved.exit_code,
    Status.DIFFERENT: Different.exit_code,
    Status.CRASHED: 70,
    Status.FAULT: 70,
}
_FINAL = frozenset(
    {Status.DONE, Status.BELOW_THRESHOLD, Status.UNREADABLE, Status.NOT_PROVED, Status.DIFFERENT}
)


def status_of(exit_code: int) -> Status:
    """Return the status of a file whose rewrite raised an error with this exit code."""
    return next((status for status, code in _CODES.items() if code == exit_code), Status.FAULT)


def worst(statuses: Iterable[Status]) -> Status:
    """Return the worst of some statuses; `done` if there are none."""
    order = list(Status)
    return max(statuses, key=order.index, default=Status.DONE)


@dataclass(frozen=True, slots=True)
class Record:
    """The result of one file: one line of the ledger.

    Attributes:
        source: path or URL of the file.
        target: path of the output, relative to the output folder, with `/`.
        status: the status.
        message: the reason for the status, in one line; empty if done.
        key: digest of the source with its external data, the request, the version of rewriter, and a config
            beside the source with the version of transformers; empty if the source could not be read.
        request: the seal of the request; see `Request.sealed`.
        version: version of rewriter.
        nodes: number of nodes of the source; None if not done.
        placed: number of nodes with a module that is no guess; None if not done.
        guessed: number of nodes whose module is a guess; None if not done.
        refusals: number of refusals.
        exact: whether source and result give the same bits, because they were run or have the same executable
            graph; None if unknown.
        seconds: time spent.
        outputs: written file, relative to the folder of the target -> digest of its content.
        stamps: URL of a read file -> digest of its version on the server, empty if the server states none; no
            entries for a local source.
        notes: notes of the analysis on the model as a whole.
        misses: glob of a pass that matches nothing in the model -> the message for it.
    """

    source: str
    target: str
    status: Status
    message: str = ""
    key: str = ""
    request: str = ""
    version: str = __version__
    nodes: int | None = None
    placed: int | None = None
    guessed: int | None = None
    refusals: int = 0
    exact: bool | None = None
    seconds: float = 0.0
    outputs: Mapping[str, str] = field(default_factory=dict)
    stamps: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    misses: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the record as JSON."""
        return {**asdict(self), "status": str(self.status), "notes": list(self.notes)}


def from_json(found: object) -> Record | None:
    """Return the record in a parsed line of a ledger; None if the line is not a record of this format."""
    if not isinstance(found, dict):
        return None
    names = {each.name for each in fields(Record)}
    try:
        known = {name: value for name, value in found.items() if name in names}
        record = Record(**known | {"status": Status(found["status"]), "notes": tuple(found["notes"])})
    except (KeyError, TypeError, ValueError):
        return None
    texts = (record.source, record.target, record.key, record.request, record.version)
    maps = (record.outputs, record.stamps, record.misses)
    counted = record.nodes is None or record.guessed is not None  # earlier versions did not count guesses
    sound = (
        counted
        and all(isinstance(text, str) for text in texts)
        and all(isinstance(each, dict) for each in maps)
    )
    return record if sound else None
