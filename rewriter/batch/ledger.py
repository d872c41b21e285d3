"""The ledger: a JSON line for every processed file, and locks that claim files in progress.

A killed writer leaves at most one incomplete line at the end: readers skip lines that are not records, and
the next writer starts a new line. Runs that share an output folder share the ledger. A run claims each file
before processing it, by a lock on one byte of a lock file beside the ledger. The system frees the lock when
the process dies, so two runs never process one file at the same time, and no file is lost. Without such locks
(on Windows and on some file systems), concurrent runs may process a file twice, with the same result.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any

from rewriter.batch.record import Record, from_json
from rewriter.errors import CannotWrite
from rewriter.model.storage.output_targets import demand_file

NAME = "rewriter-batch.jsonl"
_BINARY = getattr(os, "O_BINARY", 0)
_APPENDING = 0
"""Position of the byte that is locked while a line is written."""


class Ledger:
    """The ledger of one output folder, open for reading and appending.

    Raises:
        CannotWrite: the ledger cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read_to = 0
        self._records: dict[str, Record] = {}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            demand_file(path)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | _BINARY, 0o666)
            # POSIX frees all locks of a process on a file when any of its descriptors is closed, so the lock
            # file is opened only here.
            self._locks = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise CannotWrite(
                f"{path}: the ledger cannot be written: {error.strerror}; see --ledger"
            ) from None

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._file)
        os.close(self._locks)

    def records(self) -> dict[str, Record]:
        """Return target -> its latest record, including records that other runs wrote meanwhile."""
        for line in self._new_lines():
            try:
                record = from_json(json.loads(line))
            except (ValueError, RecursionError):
                continue
            if record is not None:
                self._records[record.target] = record
        return self._records

    def _new_lines(self) -> Iterator[bytes]:
        """Yield complete lines that were not read yet; leave an incomplete last line for the next call."""
        size = os.fstat(self._file).st_size
        data = b""
        while self._read_to + len(data) < size:
            chunk = self._read(self._read_to + len(data), size - self._read_to - len(data))
            if not chunk:
                break
            data += chunk
        whole = data.rfind(b"\n") + 1
        self._read_to += whole
        yield from data[:whole].splitlines()

    def _read(self, start: int, size: int) -> bytes:
        os.lseek(self._file, start, os.SEEK_SET)  # O_APPEND ignores the position when it writes
        return os.read(self._file, size)

    def append(self, record: Record) -> None:
        """Write a record so that it survives a power cut.

        Raises:
            CannotWrite: the ledger cannot be written, for example on a full disk.
        """
        line = json.dumps(record.as_json(), allow_nan=False).encode() + b"\n"
        try:
            with self._appending():
                size = os.fstat(self._file).st_size
                torn = size > 0 and self._read(size - 1, 1) != b"\n"
                data = (b"\n" if torn else b"") + line
                while data:
                    data = data[os.write(self._file, data) :]
                os.fsync(self._file)
        except OSError as error:
            raise CannotWrite(f"{self.path}: the ledger cannot be written: {error.strerror}") from None

    @contextmanager
    def _appending(self) -> Iterator[None]:
        _lock(self._locks, _APPENDING, wait=True)
        try:
            yield
        finally:
            _unlock(self._locks, _APPENDING)

    def claim(self, target: str) -> bool:
        """Claim a file for this run; return False if another process holds it."""
        return _lock(self._locks, _byte_of(target), wait=False)

    def release(self, target: str) -> None:
        """Release the claim on a file."""
        _unlock(self._locks, _byte_of(target))


def _byte_of(target: str) -> int:
    return 1 + int.from_bytes(
        hashlib.blake2b(target.encode("utf-8", "replace"), digest_size=7).digest(), "big"
    )


def _fcntl() -> Any:
    try:
        return import_module("fcntl")
    except ImportError:  # Windows
        return None


def _lock(handle: int, byte: int, *, wait: bool) -> bool:
    fcntl = _fcntl()
    if fcntl is None:
        return True
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB), 1, byte)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:  # the file system does not support locks
        pass
    return True


def _unlock(handle: int, byte: int) -> None:
    fcntl = _fcntl()
    if fcntl is not None:
        try:
            fcntl.lockf(handle, fcntl.LOCK_UN, 1, byte)
        except OSError:
            return
