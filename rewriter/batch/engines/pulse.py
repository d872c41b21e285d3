"""Questions to a cluster, each in a thread of its own: a question to a dead cluster may block for minutes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Generic, TypeVar

from rewriter.errors import EngineLost
from rewriter.runtime.child.error_text import one_line

Answer = TypeVar("Answer")
PATIENCE = 10.0
"""Seconds without an answer after which a cluster counts as lost."""
_PAUSE = 1.0
"""Seconds between an answer and the next question."""
_LATE = 3.0
"""Seconds without an answer after which nobody waits for a cluster to disconnect."""


def in_thread(call: Callable[[], Answer]) -> Future[Answer]:
    """Start a call in a thread that does not keep this process from ending, and return its future."""
    future: Future[Answer] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


def in_time(call: Callable[[], Answer], cluster: str, patience: float = PATIENCE) -> Answer:
    """Return the result of the first call to a cluster.

    Raises:
        EngineLost: it fails, or takes longer than `patience`, in seconds.
    """
    try:
        return in_thread(call).result(patience)
    except Exception as error:
        reason = one_line(error) or f"no answer within {patience:.0f} s"
        raise EngineLost(f"{cluster}: no cluster answers: {reason}; check the address") from None


class Pulse(Generic[Answer]):
    """A question that is asked again and again, with its latest answer.

    Args:
        cluster: the name of the cluster, for messages.
        ask: asks the question.

    Raises:
        EngineLost: there is no first answer.
    """

    def __init__(self, cluster: str, ask: Callable[[], Answer]) -> None:
        self._cluster = cluster
        self._ask = ask
        self._latest = in_time(ask, cluster)
        self._heard = time.monotonic()
        self._fault = ""
        self._closed = threading.Event()
        threading.Thread(target=self._beat, daemon=True).start()

    def latest(self) -> Answer:
        """Return the latest answer.

        Raises:
            EngineLost: it is older than `PATIENCE`.
        """
        if time.monotonic() - self._heard > PATIENCE:
            raise EngineLost(f"{self._cluster}: has not answered for {PATIENCE:.0f} s{self._fault}")
        return self._latest

    def demand_next(self) -> None:
        """Wait for the next answer.

        Raises:
            EngineLost: it does not come within `PATIENCE`.
        """
        before = self._heard
        while self._heard == before:
            self.latest()
            time.sleep(_PAUSE / 10)

    def close(self, disconnect: Callable[[], object]) -> None:
        """Ask no more, and disconnect; do not wait for a cluster that is lost."""
        self._closed.set()
        lost = time.monotonic() - self._heard > _LATE
        wait([in_thread(disconnect)], _PAUSE if lost else PATIENCE)

    def _beat(self) -> None:
        while not self._closed.wait(_PAUSE):
            try:
                self._latest = self._ask()
                self._heard = time.monotonic()
            except Exception as error:
                self._fault = f": {one_line(error)}"
