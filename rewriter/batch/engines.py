"""Engines that run the work: this process, local processes, or a cluster. All return futures of records."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from importlib import import_module
from typing import Any, Protocol

from rewriter.basics.nearest import fits_nothing
from rewriter.batch.file_task import rewrite_one
from rewriter.batch.pool import Pool, Work
from rewriter.batch.record import Record
from rewriter.batch.remote import in_this_process
from rewriter.batch.request import Request
from rewriter.errors import UsageError
from rewriter.options.words import ENGINES

_AHEAD = 2
"""Number of files submitted per thread of Dask or CPU of Ray, so that no worker waits for its next file."""


class Engine(Protocol):
    """Interface of an engine, which processes up to `width` files in parallel."""

    name: str

    @property
    def width(self) -> int:
        """The number of files that may be in progress."""

    def submit(self, source: str, target: str, request: Request) -> Future[Record]:
        """Start one file; the future raises an error if its process dies."""

    def close(self) -> None:
        """Stop, and abandon files in progress."""


class Here:
    """This process as an engine, one file at a time: for `memory://`, which other processes cannot see."""

    name = "local"
    width = 1

    def __init__(self, work: Work = rewrite_one) -> None:
        self._work = work

    def submit(self, source: str, target: str, request: Request) -> Future[Record]:
        """Process a file at once."""
        future: Future[Record] = Future()
        future.set_result(self._work(source, target, request))
        return future

    def close(self) -> None:
        """Do nothing: no file is in progress."""


class Dask:
    """A running Dask cluster. Its workers need this package and access to the files."""

    name = "dask"

    def __init__(self, address: str, work: Work = rewrite_one) -> None:
        client = _package("distributed", "dask").Client
        self._work = work
        try:
            self._client = client(f"tcp://{address}", timeout=10, set_as_default=False)
        except (OSError, ValueError) as error:
            raise UsageError(f"dask://{address}: no scheduler answers: {_line(error)}") from None
        self._executor = self._client.get_executor(pure=False, retries=0)

    @property
    def width(self) -> int:
        """The number of files that may be in progress."""
        return max(_AHEAD * sum(map(int, self._client.nthreads().values())), 1)

    def submit(self, source: str, target: str, request: Request) -> Future[Record]:
        """Start one file; if a worker dies, Dask runs the file again, a limited number of times."""
        future: Future[Record] = self._executor.submit(self._work, source, target, request)
        return future

    def close(self) -> None:
        """Disconnect; the cluster keeps running."""
        self._executor.shutdown(wait=False)
        self._client.close()


class Ray:
    """A Ray cluster, or Ray on this machine. Its workers need this package and access to the files."""

    name = "ray"

    def __init__(self, address: str, work: Work = rewrite_one) -> None:
        self._ray = _package("ray", "ray")
        self._ours = not self._ray.is_initialized()
        if self._ours:
            quiet = {} if address else {"include_dashboard": False}
            try:
                self._ray.init(
                    f"ray://{address}" if address else None,
                    log_to_driver=False,
                    logging_level="error",
                    configure_logging=False,
                    **quiet,
                )
            except (ConnectionError, ValueError, RuntimeError, TimeoutError) as error:
                raise UsageError(f"ray://{address}: no cluster answers: {_line(error)}") from None
        self._work = self._ray.remote(work).options(max_retries=0, num_cpus=1)

    @property
    def width(self) -> int:
        """The number of files that may be in progress."""
        return max(_AHEAD * int(self._ray.cluster_resources().get("CPU", 1)), 1)

    def submit(self, source: str, target: str, request: Request) -> Future[Record]:
        """Start one file."""
        future: Future[Record] = self._work.remote(source, target, request).future()
        return future

    def close(self) -> None:
        """Disconnect from the cluster, or stop Ray on this machine; do nothing if the caller started Ray."""
        if self._ours:
            self._ray.shutdown()


def engine_of(
    text: str, jobs: int | None = None, urls: Iterable[str] = (), work: Work = rewrite_one
) -> Callable[[], Engine]:
    """Return a factory of an engine: `local`, `dask://host:port`, `ray` or `ray://host:port`.

    Args:
        text: the name of the engine.
        jobs: processes of the local engine; one per core if None.
        urls: sources and output of the batch; if one is visible to this process only, the local engine uses
            this process.
        work: the function that processes one file.

    Raises:
        UsageError: the engine is unknown, cannot see one of the URLs, or does not take `jobs`.
    """
    kind, _, address = text.partition("://")
    private = next((url for url in urls if in_this_process(url)), None)
    known = {"local": text == kind, "dask": bool(address), "ray": bool(address) or text == kind}
    if not known.get(kind):
        raise UsageError(f"--engine: {fits_nothing('engine', text, known)}; write {ENGINES}")
    if kind != "local" and jobs is not None:
        raise UsageError(f"--jobs is for the local engine; {kind} uses all workers of its cluster")
    if kind == "local":
        return (lambda: Here(work)) if private else (lambda: Pool(jobs, work))
    if private:
        raise UsageError(f"{private}: no other process sees it; leave out --engine {text}")
    return (lambda: Dask(address, work)) if kind == "dask" else (lambda: Ray(address, work))


def _package(module: str, package: str) -> Any:
    try:
        return import_module(module)
    except ImportError:
        extra = {"dask": "dask[distributed]"}.get(package, package)
        raise UsageError(f"--engine {package} needs {module}; pip install '{extra}'") from None


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
