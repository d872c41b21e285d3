"""Delays Ctrl-C during blocks that must not be interrupted, and lets SIGTERM end a run as Ctrl-C does."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def held() -> Iterator[None]:
    """Delay Ctrl-C, and SIGTERM if it has a handler, until the end of the block.

    The block runs without a delay in other threads than the main thread, which signals do not interrupt, and
    for signals without a Python handler.
    """
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    handlers = {number: handler for number, handler in handlers.items() if callable(handler)}
    if threading.current_thread() is not threading.main_thread():
        handlers = {}
    caught: list[int] = []
    for number in handlers:
        signal.signal(number, lambda number, _frame: caught.append(number))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    for each in caught:
        signal.raise_signal(each)


@contextmanager
def by_sigterm() -> Iterator[None]:
    """Let SIGTERM raise KeyboardInterrupt in the block, unless it has a handler or is ignored.

    SIGTERM keeps its meaning in other threads than the main thread.
    """
    normal = signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    if not normal or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
