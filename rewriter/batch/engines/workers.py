"""The workers of a cluster: how many files each takes, and whether it has this package."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from importlib.metadata import version

from rewriter.basics.display import counted, listed
from rewriter.batch.engines.pulse import PATIENCE
from rewriter.errors import EngineLost
from rewriter.runtime.child.error_text import one_line
from rewriter.version import __version__

Packages = Mapping[str, str]
"""Package -> its version on a worker; or `_FAULT` -> the reason why this package cannot run there."""
_FAULT = "fault"
_OTHERS = ("onnx", "onnxruntime", "numpy")
"""The other packages whose versions determine the results."""
_FIRST_ANSWER = 60.0
"""Seconds that a worker has for its first answer: it may have to start a process and import packages."""
_NO_WORKER = 120.0
"""Seconds without any worker after which a run ends: some clusters start workers only for waiting tasks."""


def packages_probe() -> Callable[[], Packages]:
    """Return a function that returns the packages of the process that calls it.

    It is nested, so clusters send its code and not its name: it also runs where this package is missing.
    """
    others = _OTHERS

    def packages() -> Packages:
        from importlib.metadata import version  # noqa: PLC0415 - the code is sent without this file

        try:
            import rewriter.batch.file_task  # noqa: PLC0415
            import rewriter.version  # noqa: PLC0415

            found = {"rewriter": rewriter.version.__version__}
            return found | {name: version(name) for name in others}
        except Exception as error:
            return {"fault": f"{type(error).__name__}: {error}"}

    return packages


class Workers:
    """The workers of one cluster.

    Args:
        cluster: the name of the cluster, for messages.
        ask: runs `packages_probe` on a worker.
        wake: gives the cluster a task that any worker can do.
    """

    def __init__(
        self, cluster: str, ask: Callable[[str], Future[Packages]], wake: Callable[[], object]
    ) -> None:
        self._cluster = cluster
        self._ask = ask
        self._wake = wake
        self._answers: dict[str, Future[Packages]] = {}
        self._asked: dict[str, float] = {}
        self._told = ""
        self._last_fit = time.monotonic()
        self._begun = False
        self._worked = False
        self._woken = False
        self._here = {name: version(name) for name in _OTHERS}
        self.all: Mapping[str, int] = {}
        """Worker -> the number of files that it processes in parallel."""
        self.fit: Mapping[str, int] = {}
        """The workers that have this package, in this version."""

    @property
    def awaited(self) -> str:
        """The event that the cluster waits for before it can work; empty if it can work."""
        if self.fit:
            return ""
        return (
            f"the first answer of {listed(sorted(self.all))}" if self.all else f"a worker of {self._cluster}"
        )

    def see(self, found: Mapping[str, int]) -> tuple[str, ...]:
        """Ask workers that are new, and return news, one line each.

        No worker is fit until the first ones have answered, or `PATIENCE` is over.

        Args:
            found: worker -> the number of files that it processes in parallel.

        Raises:
            EngineLost: no worker can process a file.
        """
        now = time.monotonic()
        for worker in found:
            if worker not in self._answers:
                self._answers[worker], self._asked[worker] = self._ask(worker), now
        faults = {worker: self._fault_of(worker, now) for worker in found}
        unfit = {worker: fault for worker, fault in faults.items() if fault}
        silent = [worker for worker in found if faults[worker] is None]
        young = any(now - self._asked[worker] <= PATIENCE for worker in silent)
        self._begun = self._begun or not young
        self.all = found
        self.fit = {worker: found[worker] for worker in found if faults[worker] == "" and self._begun}
        if self.fit:
            self._worked, self._last_fit = True, now
        elif now - self._last_fit > _NO_WORKER or (unfit and not self._worked and len(unfit) == len(found)):
            raise EngineLost(self._nobody(unfit))
        if not found and not self._woken:
            self._wake()
        self._woken = not found
        return () if young else self._news({**unfit, **dict.fromkeys(silent, "no answer yet")})

    def _fault_of(self, worker: str, now: float) -> str | None:
        """Return the reason why a worker cannot work; empty if it can, None if it has not answered yet."""
        answer = self._answers[worker]
        if not answer.done():
            return "does not answer" if now - self._asked[worker] > _FIRST_ANSWER else None
        if (error := answer.exception()) is not None:
            return one_line(error) or type(error).__name__
        packages = answer.result()
        if _FAULT in packages:
            return packages[_FAULT]
        return "" if packages["rewriter"] == __version__ else f"rewriter {packages['rewriter']}"

    def _news(self, unfit: Mapping[str, str]) -> tuple[str, ...]:
        picture = self._picture(unfit)
        if picture == self._told:
            return ()
        self._told = picture
        return (picture,)

    def _picture(self, unfit: Mapping[str, str]) -> str:
        if not self.all:
            return f"{self._cluster}: no worker"
        of = f"{len(self.fit):,} of " if unfit else ""
        text = f"{self._cluster}: {of}{counted(len(self.all), 'worker')} with rewriter {__version__}"
        if unfit:
            text += f"; left out: {_by_fault(unfit)}"
        other = {worker: told for worker in self.fit if (told := self._others_of(worker))}
        return f"{text}; other bytes are possible: {_by_fault(other)}" if other else text

    def _others_of(self, worker: str) -> str:
        """Return the other packages that have another version on a worker than here."""
        there = self._answers[worker].result()
        return ", ".join(
            f"{name} {there[name]} (here {mine})" for name, mine in self._here.items() if there[name] != mine
        )

    def _nobody(self, unfit: Mapping[str, str]) -> str:
        if not unfit:
            return f"{self._cluster}: no worker for {_NO_WORKER:.0f} s; start one"
        return (
            f"{self._cluster}: none of {counted(len(unfit), 'worker')} can work with rewriter {__version__}: "
            f"{_by_fault(unfit)}; install the package there"
        )


def _by_fault(faults: Mapping[str, str]) -> str:
    """Name the workers of each fault."""
    workers: dict[str, list[str]] = {}
    for worker, fault in faults.items():
        workers.setdefault(fault, []).append(worker)
    return ", ".join(f"{listed(sorted(names))} ({fault})" for fault, names in workers.items())
