"""Limits of child processes; a `limits` block sets them for every child that is started in it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path

from rewriter.basics.declaration import option
from rewriter.refusals import UsageError

THREADS = "REWRITER_CHILD_THREADS"
"""The environment variable that passes the number of threads to a child."""
_UNITS = {"": 1, "B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def parse_size(text: str) -> int:
    """Read a size: `"4GiB"`, `"4G"`, `"512 MiB"` or a plain number of bytes; units are powers of 1024.

    Raises:
        UsageError: it is none of these.
    """
    found = re.fullmatch(
        r"(\d{1,15}(?:\.\d{1,9})?)\s*([KMGT]?)(?:iB|B)?", text.strip(), re.IGNORECASE | re.ASCII
    )
    size = int(float(found[1]) * _UNITS[found[2].upper()]) if found else 0
    if size <= 0:
        raise UsageError(f"{text[:40]!r} is no size of memory; write it like 4GiB")
    return size


def size_text(size: int) -> str:
    """A size as people write it, such as `4 GiB`."""
    for unit, one in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if size >= one:
            return f"{size / one:.3g} {unit}"
    return f"{size} B"


@dataclass(frozen=True)
class MemoryLimit:
    """The memory limit alone, for a verb with a thread option of its own (`profile`)."""

    memory: int = option(
        4 << 30,
        "What a process that runs models may take, weights mapped from files aside (Linux).",
        metavar="SIZE",
        read=parse_size,
        said=size_text,
        shown=True,
    )


@dataclass(frozen=True)
class ChildLimits(MemoryLimit):
    """Limits of a child process.

    Attributes:
        memory: bytes of its own; mapped files, such as external weights, do not count, since the
            system takes these pages back if it needs them. Watched on Linux only.
        threads: threads of one operator in onnxruntime, if a verb has no other setting.
        shapes: timeout of onnx's shape inference, in seconds.
    """

    threads: int = option(1, "Threads of one operator.", least=1, shown=True)
    shapes: float = option(120.0, "Seconds for shape inference.", flag="--timeout", above=0, shown=True)


_NORMAL = ChildLimits()
_CURRENT: ContextVar[ChildLimits] = ContextVar("limits", default=_NORMAL)


def current() -> ChildLimits:
    """The limits in force here."""
    return _CURRENT.get()


@contextmanager
def limits(
    *, memory: int | str | None = None, threads: int | None = None, shapes: float | None = None
) -> Iterator[None]:
    """Run the block within other limits: `with rewriter.limits(memory="8GiB"): ...`.

    Args:
        memory: the memory that a process may use to run models, in bytes or as a text such as "4GiB". Mapped
            weights do not count. A process that uses more is ended: it "ran out of memory". Linux only.
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
            raise UsageError(f"{name} is {value}; it has to be more than nothing")
    token = _CURRENT.set(replace(_CURRENT.get(), **chosen))  # type: ignore[arg-type]
    try:
        yield
    finally:
        _CURRENT.reset(token)


def own_memory(process: int) -> int:
    """Bytes of memory that a process uses alone; 0 if the system does not report them."""
    try:
        lines = Path(f"/proc/{process}/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return 0
    told = dict(line.split(":", 1) for line in lines if ":" in line)
    return sum(int(told.get(name, "0").split()[0]) << 10 for name in ("RssAnon", "RssShmem", "VmSwap"))


def threads_here() -> int:
    """In a child: the number of threads that its parent set."""
    return int(os.environ.get(THREADS, "1"))
