"""The result of one file of a batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any

from rewriter.version import __version__


class Status(StrEnum):
    """Status of a file, from best to worst."""

    DONE = "done"
    """Written, and proved."""
    BELOW_THRESHOLD = "below_threshold"
    """Too few nodes were placed, or something was refused under `--strict`."""
    MISUSE = "misuse"
    """The output cannot be written, or an option does not fit this file."""
    UNREADABLE = "unreadable"
    """The source is no model that can be read, or its data is missing."""
    NOT_PROVED = "not_proved"
    """The result was not proved equal, or demanded numbers are missing."""
    DIFFERENT = "different"
    """The result computes something else."""
    CRASHED = "crashed"
    """The process that rewrote it died, and died once more when nothing else ran."""
    FAULT = "fault"
    """An internal error."""

    @property
    def exit_code(self) -> int:
        """The exit code of `rewriter rewrite` for this status."""
        return _CODES[self]

    @property
    def final(self) -> bool:
        """Whether a new run of the same request would end the same way."""
        return self in _FINAL


_CODES = {
    Status.DONE: 0,
    Status.BELOW_THRESHOLD: 4,
    Status.MISUSE: 2,
    Status.UNREADABLE: 3,
    Status.NOT_PROVED: 5,
    Status.DIFFERENT: 1,
    Status.CRASHED: 70,
    Status.FAULT: 70,
}
_FINAL = frozenset(
    {Status.DONE, Status.BELOW_THRESHOLD, Status.UNREADABLE, Status.NOT_PROVED, Status.DIFFERENT}
)


def status_of(exit_code: int) -> Status:
    """The status of a file whose rewrite raised an error with that exit code."""
    return next((status for status, code in _CODES.items() if code == exit_code), Status.FAULT)


def worst(statuses: Iterable[Status]) -> Status:
    """The worst of some statuses; `done` of none."""
    order = list(Status)
    return max(statuses, key=order.index, default=Status.DONE)


@dataclass(frozen=True, slots=True)
class Record:
    """The result of one file: one line of the ledger.

    Attributes:
        source: the file, or its URL.
        target: its output, relative to the output folder, with `/`.
        status: how it ended.
        message: why, in one line; empty where it was done.
        key: digest of the source's content with its external data, of the request and of the version; empty
            could not be read.
        request: the seal of the request alone.
        version: version of the rewriter that wrote it.
        nodes: number of nodes of the source.
        placed: how many of them have a module.
        refusals: number of refused changes.
        exact: whether both give the same bits, by running them or by identity; None if not known.
        seconds: time spent.
        outputs: file beside the target -> digest of its content.
        stamps: URL of a read file -> its version on the server; only for remote files.
        notes: notes of the report on the model as a whole.
        misses: glob of a pass that matches nothing in the model -> the message that says so.
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
    refusals: int = 0
    exact: bool | None = None
    seconds: float = 0.0
    outputs: Mapping[str, str] = field(default_factory=dict)
    stamps: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    misses: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The record as JSON."""
        return {**asdict(self), "status": str(self.status), "notes": list(self.notes)}


def from_json(found: object) -> Record | None:
    """The record in a line of a ledger; None for no record, or one of another version's format."""
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
    sound = all(isinstance(text, str) for text in texts) and all(isinstance(each, dict) for each in maps)
    return record if sound else None
