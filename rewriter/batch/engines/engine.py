"""The interface of an engine, and the engine that is this process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Protocol

from rewriter.batch.record import Record
from rewriter.batch.request import Request

Work = Callable[[str, str, Request], Record]


class Engine(Protocol):
    """Interface of an engine, which processes up to `width` files in parallel."""

    name: str

    @property
    def width(self) -> int:
        """The number of files that may be in progress; 0 as long as no worker is ready."""

    @property
    def awaited(self) -> str:
        """The event that the engine waits for before it can work; empty if it can work."""

    def look(self) -> Sequence[str]:
        """Look after the workers, and return news of them, one line each.

        Raises:
            EngineLost: the engine can no longer work.
        """

    def demand_answer(self) -> None:
        """Demand that the engine answers now.

        Raises:
            EngineLost: it does not.
        """

    def submit(self, source: str, target: str, request: Request) -> Future[Record]:
        """Start one file; the future raises an error if its process dies."""

    def close(self) -> None:
        """Stop, and abandon files in progress."""


class Here:
    """This process as an engine, one file at a time: for `memory://`, which other processes cannot see."""

    name = "local"
    width = 1
    awaited = ""

    def __init__(self, work: Work) -> None:
        self._work = work

    def look(self) -> Sequence[str]:
        """Return no news: this process is the only worker."""
        return ()

    def demand_answer(self) -> None:
        """Do nothing: this process is there."""

    def submit(self, source: str, target: str, request: Request) -> Future[Record]:
        """Process a file at once."""
        future: Future[Record] = Future()
        future.set_result(self._work(source, target, request))
        return future

    def close(self) -> None:
        """Do nothing: no file is in progress."""
