"""Many files: a pure function over a plan of them, mapped by a pool of processes, Dask or Ray.

from rewriter import batch

if __name__ == "__main__":
found = batch.run("models", "models.tree", batch.Request(passes="annotate,restore_names"))
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rewriter.batch.record import Record, Status
    from rewriter.batch.request import Request
    from rewriter.batch.schedule import Batch, run
    from rewriter.batch.work import rewrite_one

__all__ = ["Batch", "Record", "Request", "Status", "rewrite_one", "run"]

_HOME = {
    "Batch": "schedule",
    "Record": "record",
    "Request": "request",
    "Status": "record",
    "rewrite_one": "work",
    "run": "schedule",
}


def __getattr__(name: str) -> object:
    """Load a public name on first use: verbs on one file need no pools."""
    if name not in _HOME:
        raise AttributeError(f"module 'rewriter.batch' has no attribute {name!r}")
    found = getattr(import_module(f"rewriter.batch.{_HOME[name]}"), name)
    globals()[name] = found
    return found
