"""Guards stdout and stderr, so that a failed write to stdout is reported, once.

* If a reader stops early (`rewriter tree m.onnx | head`), the rest is discarded and the verb ends normally.
* Any other fault of stdout (a full disk, a closed descriptor) is an error, as for any output file.
* A message that cannot be written to stderr is lost: there is no other place to report it.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from rewriter.errors import CannotWrite


class StdoutFailed(CannotWrite):
    """The output could not be written to stdout; files that the verb wrote are complete."""

    def __init__(self, error: OSError) -> None:
        super().__init__(
            f"stdout: cannot be written: {error.strerror or error}; the results are incomplete, send them "
            "elsewhere"
        )


class _Guarded(io.RawIOBase):
    """The raw end of a stream; it discards everything after its first fault.

    Args:
        raw: the raw stream to write to; None for a closed stream.
        quiet: whether faults are ignored.
    """

    def __init__(self, raw: Any, *, quiet: bool) -> None:
        self._raw = raw
        self._quiet = quiet
        self._failed = False

    def writable(self) -> bool:
        """Return True, for a closed stream too: `write` reports the fault."""
        return True

    def isatty(self) -> bool:
        """Whether the raw stream is a terminal."""
        return bool(self._raw is not None and self._raw.isatty())

    def fileno(self) -> int:
        """Return the descriptor of the raw stream."""
        if self._raw is None:
            raise io.UnsupportedOperation("fileno")
        return int(self._raw.fileno())

    def _written(self, data: Any) -> int | None:
        if self._raw is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        written: int | None = self._raw.write(data)
        return written

    def write(self, data: Any) -> int | None:
        """Write bytes, and return their number.

        Raises:
            StdoutFailed: they cannot be written, although the reader is still there.
        """
        size = len(data)
        if self._failed:
            return size
        try:
            return self._written(data)
        except OSError as error:
            self._failed = True
            if self._quiet or error.errno == errno.EPIPE:
                return size
            raise StdoutFailed(error) from None


@contextmanager
def guarded() -> Iterator[None]:
    """Guard stdout and stderr while a verb runs, unless a caller has replaced them."""
    _occupy()
    before = sys.stdout, sys.stderr
    if sys.stdout is sys.__stdout__:
        sys.stdout = _guard(sys.stdout, quiet=False)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _guard(sys.stderr, quiet=True)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            _flush(stream)
        sys.stdout, sys.stderr = before


def flush() -> None:
    """Write the buffered bytes of stdout.

    Raises:
        StdoutFailed: they cannot be written.
    """
    if sys.stdout is not None:
        sys.stdout.flush()


def _flush(stream: TextIO | None) -> None:
    """Flush a stream and ignore faults: they were reported before."""
    try:
        if stream is not None:
            stream.flush()
    except (OSError, StdoutFailed, ValueError):
        pass


def _occupy() -> None:
    """Open closed standard descriptors, so that no file opened later becomes stdin, stdout or stderr."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)


def _guard(stream: TextIO | None, *, quiet: bool) -> TextIO:
    buffer = getattr(stream, "buffer", None)
    raw = _Guarded(getattr(buffer, "raw", buffer), quiet=quiet)
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=getattr(stream, "encoding", "utf-8"),
        errors=getattr(stream, "errors", "backslashreplace"),
        line_buffering=quiet or bool(getattr(stream, "line_buffering", False)),
        write_through=bool(getattr(stream, "write_through", False)),
    )
