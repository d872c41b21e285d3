"""Finds the engine that a text names."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rewriter.basics.nearest import fits_nothing
from rewriter.batch.engines.dask import Dask
from rewriter.batch.engines.engine import Engine, Here, Work
from rewriter.batch.engines.pool import Pool
from rewriter.batch.engines.ray import Ray
from rewriter.batch.engines.time_limit import InChild
from rewriter.batch.remote import in_this_process
from rewriter.errors import UsageError
from rewriter.options.words import ENGINES


def engine_of(
    text: str, jobs: int | None, urls: Iterable[str], work: Work, file_timeout: float | None = None
) -> Callable[[], Engine]:
    """Return a factory of an engine: `local`, `dask://host:port`, `ray` or `ray://host:port`.

    Args:
        text: the name of the engine.
        jobs: processes of the local engine; one per core if None.
        urls: sources and output of the batch; if one is visible to this process only, the local engine uses
            this process.
        work: the function that processes one file.
        file_timeout: seconds for one file.

    Raises:
        UsageError: the engine is unknown, cannot see one of the URLs, or does not take `jobs` or a timeout.
    """
    kind, _, address = text.partition("://")
    private = next((url for url in urls if in_this_process(url)), None)
    known = {"local": text == kind, "dask": bool(address), "ray": bool(address) or text == kind}
    if not known.get(kind):
        raise UsageError(f"--engine: {fits_nothing('engine', text, known)}; write {ENGINES}")
    if kind != "local" and jobs is not None:
        raise UsageError(f"--jobs is for the local engine; {kind} uses all workers of its cluster")
    if private and kind != "local":
        raise UsageError(f"{private}: no other process sees it; leave out --engine {text}")
    if private and file_timeout is not None:
        raise UsageError(f"{private}: no other process sees it; leave out --file-timeout")
    if kind == "local":
        return (lambda: Here(work)) if private else (lambda: Pool(jobs, work, file_timeout))
    remote_work = work if file_timeout is None else InChild(work, file_timeout)
    return (lambda: Dask(address, remote_work)) if kind == "dask" else (lambda: Ray(address, remote_work))
