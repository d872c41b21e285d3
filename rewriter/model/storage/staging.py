"""Writes and syncs temporary files beside their targets, and locks folders while names change."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from itertools import groupby
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


class Slice(NamedTuple):
    """Bytes of a file."""

    path: Path
    offset: int
    length: int

    def chunks(self, stream: BinaryIO) -> Iterator[bytes]:
        """Yield the bytes from the open file, at most `CHUNK` at a time; fewer if the file ends before."""
        left = self.length
        stream.seek(self.offset)
        while chunk := stream.read(min(CHUNK, left)):
            left -= len(chunk)
            yield chunk


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Content that is read from files.

    Attributes:
        slices: (place in the content, bytes), ascending and disjoint; zeros fill the gaps.
    """

    slices: tuple[tuple[int, Slice], ...]

    @property
    def size(self) -> int:
        """The length of the content."""
        return max((at + part.length for at, part in self.slices), default=0)

    def chunks(self) -> Iterator[bytes]:
        """Yield the content, at most `CHUNK` bytes at a time."""
        end = 0
        for path, parts in groupby(self.slices, key=lambda each: each[1].path):
            with path.open("rb") as stream:
                for at, part in parts:
                    yield bytes(at - end)
                    yield from part.chunks(stream)
                    end = at + part.length


class Computed(NamedTuple):
    """Bytes that are computed when they are written; `make` yields them in chunks."""

    length: int
    make: Callable[[], Iterator[bytes | memoryview]]


@dataclass(frozen=True, slots=True)
class Assembled:
    """Content of computed bytes and parts of files.

    Attributes:
        parts: (place in the content, bytes), ascending and disjoint; zeros fill the gaps.
    """

    parts: tuple[tuple[int, Slice | Computed], ...]

    @property
    def size(self) -> int:
        """The length of the content."""
        return max((at + part.length for at, part in self.parts), default=0)

    def chunks(self) -> Iterator[bytes | memoryview]:
        """Yield the content."""
        end = 0
        for at, part in self.parts:
            yield bytes(at - end)
            yield from part.make() if isinstance(part, Computed) else Excerpt(((0, part),)).chunks()
            end = at + part.length


Source = Path | Excerpt | Assembled
"""Content of data to write: a whole file, parts of files, or computed bytes."""


def size_of(source: Source) -> int:
    """Return the length of a content."""
    return source.stat().st_size if isinstance(source, Path) else source.size


def chunks_of(source: Source) -> Iterator[bytes | memoryview]:
    """Return a content in chunks; of files, at most `CHUNK` bytes at a time."""
    content = Excerpt(((0, Slice(source, 0, size_of(source))),)) if isinstance(source, Path) else source
    return content.chunks()


class Staged(NamedTuple):
    """Temporary file beside its target. The file stays open: its lock tells other runs that it is in use."""

    target: Path
    path: Path
    stream: BinaryIO

    def fill(self, content: bytes | Source) -> str:
        """Write bytes, or content of files, and sync them so that they survive a power cut.

        The file gets the permissions of an existing target.

        Returns:
            The digest of content of files, see `digest_of`; '' for bytes.
        """
        digest = ""
        if isinstance(content, bytes):
            self.stream.write(content)
        else:
            digest = digest_of(content, self.stream)
        self.stream.flush()
        os.fsync(self.stream.fileno())
        if self.target.exists():
            shutil.copymode(self.target, self.path)
        return digest


def digest_of(source: Source, target: BinaryIO | None = None) -> str:
    """Return the BLAKE2b digest of a content, in hexadecimal; write the content into `target`, if given."""
    digest = hashlib.blake2b(digest_size=32)
    for chunk in chunks_of(source):
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
