"""Writes and syncs temporary files beside their targets, and locks folders while names change."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import BinaryIO, NamedTuple

from rewriter.errors import CannotWrite

CHUNK = 16 << 20
Digests = Mapping[Path, str]
"""Copy of data -> the digest of its content."""
Content = bytes | Callable[[Digests], bytes]
"""Bytes to write; or, if they depend on copies, a function that makes them once the copies are complete."""
_PATIENCE = 60.0
"""Seconds to wait for another run, which locks no folder while it writes content."""


class Staged(NamedTuple):
    """Temporary file beside its target. The file stays open: its lock tells other runs that it is in use."""

    target: Path
    path: Path
    stream: BinaryIO

    def fill(self, content: bytes | Path) -> str:
        """Write bytes, or the content of a file, and sync them so that they survive a power cut.

        The file gets the permissions of an existing target.

        Returns:
            The digest of a file, see `data_copies.digest_of`; '' for bytes.
        """
        digest = ""
        if isinstance(content, Path):
            with content.open("rb") as source:
                digest = copy_and_digest(source, self.stream)
        else:
            self.stream.write(content)
        self.stream.flush()
        os.fsync(self.stream.fileno())
        if self.target.exists():
            shutil.copymode(self.target, self.path)
        return digest


def copy_and_digest(source: BinaryIO, target: BinaryIO | None = None) -> str:
    """Copy a stream into `target`, if given; return the BLAKE2b digest of its content, in hexadecimal."""
    digest = hashlib.blake2b(digest_size=32)
    while chunk := source.read(CHUNK):
        digest.update(chunk)
        if target is not None:
            target.write(chunk)
    return digest.hexdigest()


@contextlib.contextmanager
def stage(target: Path) -> Iterator[Staged]:
    """Make an empty temporary file in the folder of `target`; remove it afterwards unless it was renamed."""
    path = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        with path.open("xb") as stream:
            _lock(stream.fileno())
            yield Staged(target, path, stream)
    finally:
        path.unlink(missing_ok=True)


def sweep(target: Path) -> None:
    """Remove files that killed runs left beside `target`; call with its folder locked."""
    start = f".{target.name}."
    for path in target.parent.iterdir():
        if path.name.startswith(start) and path.name.endswith(".tmp") and path.is_file():
            with contextlib.suppress(OSError), path.open("rb") as stream:
                if _lock(stream.fileno()):
                    path.unlink()


@contextlib.contextmanager
def locked(folders: Collection[Path]) -> Iterator[None]:
    """Keep other runs from changing names in folders; the system frees the locks of a killed process.

    Raises:
        CannotWrite: another process holds one of the locks for longer than `_PATIENCE`.
    """
    with contextlib.ExitStack() as handles:
        for folder in sorted(set(folders)):  # in a fixed order, so that two runs never wait for each other
            handle = os.open(folder, os.O_RDONLY)
            handles.callback(os.close, handle)
            limit = time.monotonic() + _PATIENCE
            while not _lock(handle):
                if time.monotonic() > limit:
                    raise CannotWrite(f"{folder}: another run keeps writing there; try again when it is done")
                time.sleep(0.01)
        yield


def _lock(handle: int) -> bool:
    """Try to lock an open file; return False if another process holds its lock.

    Return True on systems or file systems without locks.
    """
    try:
        fcntl = import_module("fcntl")
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (ImportError, OSError):
        pass
    return True


def sync(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut, if the system can sync a folder."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
