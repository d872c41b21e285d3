"""An end for what might not end, in seconds of the processor: a busy machine takes no more of these."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

MANY = 60.0
"""Seconds; what is bounded by it takes a few at the most, and quadratic or exponential work takes minutes."""


@contextmanager
def ends(seconds: float = MANY) -> Iterator[None]:
    """Let a block of the main thread fail once this process has spent so many seconds in it.

    Where the system has no such clock the block has no bound.

    Raises:
        AssertionError: it was still at work.
    """
    if sys.platform == "win32":
        yield
        return

    def stop(*_: object) -> None:
        raise AssertionError(f"at work for {seconds:.0f} s of the processor")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
