"""Ray as an engine."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from importlib import import_module
from typing import Any

from rewriter.batch.engines.cluster import Cluster
from rewriter.batch.engines.engine import Work
from rewriter.batch.engines.package import package
from rewriter.batch.engines.pulse import PATIENCE, in_time
from rewriter.batch.engines.workers import Packages, packages_probe
from rewriter.batch.record import Record
from rewriter.batch.request import Request
from rewriter.errors import EngineLost
from rewriter.runtime.child.error_text import one_line

_START = 120.0
"""Seconds for a server that answers to start a process for this client."""


class Ray(Cluster):
    """A Ray cluster, or Ray on this machine. Its workers need this package and access to the files.

    A worker is a node of Ray. As long as one lacks the package, each file is submitted for one of the others.
    """

    def __init__(self, address: str, work: Work) -> None:
        self._ray = package("ray", "ray")
        place = f"ray://{address}" if address else os.environ.get("RAY_ADDRESS", "")
        self.name = place if place.startswith("ray://") else f"ray ({place})" if place else "ray"
        self._ours = not self._ray.is_initialized()
        if self._ours:
            self._start(place)

        def rewrite(source: str, target: str, request: Request) -> Record:  # Ray takes only functions
            return work(source, target, request)

        self._work = self._ray.remote(max_retries=0, num_cpus=1)(rewrite)
        self._probe = self._ray.remote(packages_probe())
        self._identifiers: dict[str, str] = {}
        super().__init__(self.name, self._widths, self._ask, self._wake)
        self._chosen: dict[Future[Record], str] = {}
        """File in progress -> the only node that it was submitted for."""

    def look(self) -> Sequence[str]:
        """Ask new nodes for their packages, and return news.

        Raises:
            EngineLost: the cluster does not answer, or no node can work.
        """
        self._chosen = {future: node for future, node in self._chosen.items() if not future.done()}
        return super().look()

    def submit(self, source: str, target: str, request: Request) -> Future[Record]:
        """Start one file; if its node is lost, the future raises an error."""
        if len(self._workers.fit) == len(self._workers.all):
            whole: Future[Record] = self._work.remote(source, target, request).future()
            return whole
        busy = Counter(self._chosen.values())
        node = min(self._workers.fit, key=lambda node: busy[node] / self._workers.fit[node])
        future: Future[Record] = self._on(node, self._work).remote(source, target, request).future()
        self._chosen[future] = node
        return future

    def close(self) -> None:
        """Disconnect from the cluster, or stop Ray on this machine; do nothing if the caller started Ray."""
        self._pulse.close(self._ray.shutdown if self._ours else lambda: None)

    def _start(self, place: str) -> None:
        """Connect to a cluster, or start Ray on this machine.

        The processes that Ray starts end with the thread that started them, so this thread starts them. In
        the main thread, Ray replaces the handler of SIGTERM.

        Raises:
            EngineLost: no cluster answers, or Ray does not start.
        """
        quiet = {} if place else {"include_dashboard": False}

        def start() -> None:
            with warnings.catch_warnings():  # the error says the same in one line
                warnings.simplefilter("ignore")
                self._ray.init(
                    place or None,
                    log_to_driver=False,
                    logging_level="error",
                    configure_logging=False,
                    **quiet,
                )

        logging.getLogger("ray").setLevel(logging.CRITICAL)  # `look` reports the faults of a cluster
        if ":" in place:
            _demand_listener(place.removeprefix("ray://"), self.name)
        if place:
            in_time(start, self.name, _START)
            return
        before = signal.getsignal(signal.SIGTERM)
        try:
            start()
        except Exception as error:  # Ray may raise anything
            raise EngineLost(f"{self.name}: does not start: {one_line(error)}") from None
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)

    def _widths(self) -> Mapping[str, int]:
        """Return the name of each node -> its CPUs, and remember the identifiers of nodes."""
        found: dict[str, int] = {}
        for node in self._ray.nodes():
            cpus = int(node["Resources"].get("CPU", 0))
            if node["Alive"] and cpus:
                name = f"node {node['NodeID'][:8]} at {node['NodeManagerAddress']}"
                self._identifiers[name] = node["NodeID"]
                found[name] = cpus
        return found

    def _on(self, node: str, function: Any, **options: Any) -> Any:
        affinity = import_module("ray.util.scheduling_strategies").NodeAffinitySchedulingStrategy
        strategy = affinity(self._identifiers[node], soft=False)
        return function.options(scheduling_strategy=strategy, **options)

    def _ask(self, node: str) -> Future[Packages]:
        future: Future[Packages] = self._on(node, self._probe, num_cpus=0).remote().future()
        return future

    def _wake(self) -> None:
        self._probe.remote()


def _demand_listener(address: str, cluster: str) -> None:
    """Refuse an address at which no server answers; Ray would try for half a minute.

    Raises:
        EngineLost: no server answers there.
    """
    host, _, port = address.rpartition(":")
    grpc = package("grpc", "ray")

    def reach() -> None:
        socket.create_connection((host.strip("[]"), int(port)), PATIENCE).close()
        if os.environ.get("RAY_USE_TLS", "0") == "0":
            with grpc.insecure_channel(address) as channel:
                grpc.channel_ready_future(channel).result(PATIENCE)

    in_time(reach, cluster)
