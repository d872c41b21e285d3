"""Limits of child processes; a `limits` block sets them for every child that is started in it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path

from rewriter.basics.option_declaration import option
from rewriter.errors import UsageError

THREADS = "REWRITER_CHILD_THREADS"
"""Environment variable that passes the number of threads to a child."""
_UNITS = {"": 1, "B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def parse_size(text: str) -> int:
    """Read a size: `"4GiB"`, `"4G"`, `"512 MiB"` or a plain number of bytes; units are powers of 1024.

    Raises:
        UsageError: the text is no positive size.
    """
    found = re.fullmatch(
        r"(\d{1,15}(?:\.\d{1,9})?)\s*([KMGT]?)(?:iB|B)?", text.strip(), re.IGNORECASE | re.ASCII
    )
    size = int(float(found[1]) * _UNITS[found[2].upper()]) if found else 0
    if size <= 0:
        raise UsageError(f"{text[:40]!r} is no size of memory; write it like 4GiB")
    return size


def size_text(size: int) -> str:
    """Format a size for people, such as `4 GiB`."""
    for unit, one in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if size >= one:
            return f"{size / one:.3g} {unit}"
    return f"{size} B"


@dataclass(frozen=True)
class MemoryLimit:
    """Memory limit alone, for a verb that has its own thread option (`profile`)."""

    memory: int = option(
        4 << 30,
        "Memory for a process that runs models, not counting weights mapped from files (Linux).",
        metavar="SIZE",
        read=parse_size,
        said=size_text,
        shown=True,
    )


@dataclass(frozen=True)
class ChildLimits(MemoryLimit):
    """Limits of a child process.

    Attributes:
        memory: bytes of memory that it may use. Mapped files, such as external weights, do not count, since
            the system can reclaim their pages. Checked on Linux only.
        threads: threads of one operator in onnxruntime, unless the verb has its own setting.
        shapes: timeout of onnx's shape inference, in seconds.
    """

    threads: int = option(1, "Threads of one operator.", least=1, shown=True)
    shapes: float = option(120.0, "Seconds for shape inference.", flag="--timeout", above=0, shown=True)


_NORMAL = ChildLimits()
_CURRENT: ContextVar[ChildLimits] = ContextVar("limits", default=_NORMAL)


def current() -> ChildLimits:
    """Return the current limits."""
    return _CURRENT.get()


@contextmanager
def limits(
    *, memory: int | str | None = None, threads: int | None = None, shapes: float | None = None
) -> Iterator[None]:
    """Set limits for a block: `with rewriter.limits(memory="8GiB"): ...`; None leaves a limit unchanged.

    Args:
        memory: the memory that a process may use to run models, in bytes or as a text such as "4GiB". Mapped
            weights do not count. A process that uses more is killed and reported as "ran out of memory".
            Linux only.
        threads: threads of one operator of onnxruntime.
        shapes: timeout of onnx's shape inference, in seconds.

    Raises:
        UsageError: a number is not positive, or the text is no size.
    """
    size = parse_size(memory) if isinstance(memory, str) else memory
    given = {"memory": size, "threads": threads, "shapes": shapes}
    chosen = {name: value for name, value in given.items() if value is not None}
    for name, value in chosen.items():
        if value <= 0:
            raise UsageError(f"{name} is {value}; it must be more than 0")
    token = _CURRENT.set(replace(_CURRENT.get(), **chosen))  # type: ignore[arg-type]
    try:
        yield
    finally:
        _CURRENT.reset(token)


def own_memory(process: int) -> int:
    """Return the bytes of a process's memory that are not mapped from files; 0 if they are unknown."""
    try:
        lines = Path(f"/proc/{process}/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return 0
    told = dict(line.split(":", 1) for line in lines if ":" in line)
    return sum(int(told.get(name, "0").split()[0]) << 10 for name in ("RssAnon", "RssShmem", "VmSwap"))


def threads_here() -> int:
    """Return the number of threads that the parent set for this child."""
    return int(os.environ.get(THREADS, "1"))
