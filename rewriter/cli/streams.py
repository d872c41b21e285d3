"""Where results and messages go: what cannot be written there is told once, and never lost in silence.

* A reader that leaves early (`rewriter tree m.onnx | head`) has what it wants: what is left is thrown away,
  and the verb ends as it would have.
* Any other fault of stdout (a full disk, a closed descriptor) is an error like that of any output.
* A message that stderr does not take is lost: there is no place left to tell it.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from rewriter.refusals import CannotWrite


class StdoutFailed(CannotWrite):
    """What was printed did not arrive; files that the verb wrote are there."""

    def __init__(self, error: OSError) -> None:
        super().__init__(
            f"stdout: cannot be written: {error.strerror or error}; the results are incomplete, send them "
            "elsewhere"
        )


class _Guarded(io.RawIOBase):
    """The raw end of a stream; after its first fault it swallows everything.

    Args:
        raw: where bytes go; None for a stream that is closed.
        quiet: whether faults are told to nobody.
    """

    def __init__(self, raw: Any, *, quiet: bool) -> None:
        self._raw = raw
        self._quiet = quiet
        self._failed = False

    def writable(self) -> bool:
        """It is."""
        return True

    def isatty(self) -> bool:
        """As the stream below."""
        return bool(self._raw is not None and self._raw.isatty())

    def fileno(self) -> int:
        """As the stream below."""
        if self._raw is None:
            raise io.UnsupportedOperation("fileno")
        return int(self._raw.fileno())

    def _written(self, data: Any) -> int | None:
        if self._raw is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        written: int | None = self._raw.write(data)
        return written

    def write(self, data: Any) -> int | None:
        """Write some bytes, and say how many.

        Raises:
            StdoutFailed: they cannot be written, and somebody waits for them.
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
    """Guard the streams of the process while a verb runs; what somebody put in their place is left alone."""
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
    """Write what is left of stdout.

    Raises:
        StdoutFailed: it cannot be written.
    """
    if sys.stdout is not None:
        sys.stdout.flush()


def _flush(stream: TextIO | None) -> None:
    """Flush for the last time: what fails now was told."""
    try:
        if stream is not None:
            stream.flush()
    except (OSError, StdoutFailed, ValueError):
        pass


def _occupy() -> None:
    """Let no file that a verb opens become stdin, stdout or stderr where one of these is closed."""
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
