"""Finds the engine that a text names."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from rewriter.basics.nearest import fits_nothing
from rewriter.batch.engines.dask import Dask
from rewriter.batch.engines.engine import Engine, Here, Work
from rewriter.batch.engines.pool import Pool
from rewriter.batch.engines.ray import Ray
from rewriter.batch.remote import in_this_process
from rewriter.errors import UsageError
from rewriter.options.words import ENGINES


def engine_of(text: str, jobs: int | None, urls: Iterable[str], work: Work) -> Callable[[], Engine]:
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
