"""Dask as an engine."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from rewriter.batch.engines.cluster import Cluster
from rewriter.batch.engines.engine import Work
from rewriter.batch.engines.package import package
from rewriter.batch.engines.pulse import PATIENCE, in_thread, in_time
from rewriter.batch.engines.workers import Packages, packages_probe
from rewriter.batch.record import Record
from rewriter.batch.request import Request


class Dask(Cluster):
    """A running Dask cluster. Its workers need this package and access to the files.

    A worker without the package would end when it unpickles a file's task. So as long as there is one, each
    file is submitted for the other workers only.
    """

    def __init__(self, address: str, work: Work) -> None:
        client = package("distributed", "dask").Client
        name = f"dask://{address}"
        logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # `look` reports the same faults
        logging.getLogger("distributed.core").setLevel(logging.CRITICAL)
        self._work = work
        self._client = in_time(
            lambda: client(f"tcp://{address}", timeout=PATIENCE, set_as_default=False), name
        )
        super().__init__(name, self._client.nthreads, self._ask, self._wake)
        self._chosen: dict[Future[Record], frozenset[str]] = {}
        """File in progress -> the only workers that it was submitted for."""

    def look(self) -> Sequence[str]:
        """Ask new workers for their packages, and cancel files whose only workers are gone; return news.

        Raises:
            EngineLost: the scheduler does not answer, or no worker can work.
        """
        news = super().look()
        for future, chosen in list(self._chosen.items()):
            if future.done():
                del self._chosen[future]
            elif chosen.isdisjoint(self._workers.all):
                future.cancel()
        return news

    def submit(self, source: str, target: str, request: Request) -> Future[Record]:
        """Start one file; if a worker dies, Dask runs the file again, a limited number of times."""
        fit = frozenset(self._workers.fit)
        chosen = list(fit) if len(fit) < len(self._workers.all) else None
        executor = self._client.get_executor(pure=False, retries=0, workers=chosen)
        future: Future[Record] = executor.submit(self._work, source, target, request)
        if chosen:
            self._chosen[future] = fit
        return future

    def close(self) -> None:
        """Abandon files in progress and disconnect; the cluster keeps running."""
        self._pulse.close(self._client.close)

    def _ask(self, worker: str) -> Future[Packages]:
        def answer() -> Packages:
            found: dict[str, Any] = self._client.run(packages_probe(), workers=[worker], on_error="raise")
            packages: Packages = found[worker]
            return packages

        return in_thread(answer)

    def _wake(self) -> None:
        self._client.get_executor(pure=False).submit(packages_probe())
