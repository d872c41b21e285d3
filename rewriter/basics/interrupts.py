"""Delays Ctrl-C during blocks that must not be interrupted."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def held() -> Iterator[None]:
    """Delay Ctrl-C until the end of the block.

    The block runs without a delay in other threads than the main thread, which Ctrl-C does not interrupt, and
    in processes without a Python handler for SIGINT.
    """
    previous = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(previous):
        yield
        return
    caught: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _frame: caught.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
    for number in caught:
        signal.raise_signal(number)
