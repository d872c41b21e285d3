"""The common part of engines whose workers are elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future

from rewriter.batch.engines.package import AHEAD
from rewriter.batch.engines.pulse import Pulse
from rewriter.batch.engines.workers import Packages, Workers


class Cluster:
    """A connection to a cluster: its pulse, and its workers.

    Args:
        name: the name of the cluster, for messages.
        widths: returns worker -> the number of files that it processes in parallel.
        ask: runs `packages_probe` on a worker.
        wake: gives the cluster a task that any worker can do.

    Raises:
        EngineLost: the cluster does not answer.
    """

    def __init__(
        self,
        name: str,
        widths: Callable[[], Mapping[str, int]],
        ask: Callable[[str], Future[Packages]],
        wake: Callable[[], object],
    ) -> None:
        self.name = name
        self._pulse = Pulse(name, widths)
        self._workers = Workers(name, ask, wake)

    @property
    def width(self) -> int:
        """The number of files that may be in progress; 0 as long as no worker is ready."""
        return AHEAD * sum(self._workers.fit.values())

    @property
    def awaited(self) -> str:
        """The event that the cluster waits for before it can work; empty if it can work."""
        return self._workers.awaited

    def look(self) -> Sequence[str]:
        """Ask new workers for their packages, and return news.

        Raises:
            EngineLost: the cluster does not answer, or no worker can work.
        """
        return self._workers.see(self._pulse.latest())

    def demand_answer(self) -> None:
        """Demand that the cluster answers now.

        Raises:
            EngineLost: it does not.
        """
        self._pulse.demand_next()
