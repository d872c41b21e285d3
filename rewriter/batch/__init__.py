"""Rewrites many files: `rewrite_one` runs for each file in a pool of processes, on Dask or on Ray.

from rewriter import batch

if __name__ == "__main__":
    found = batch.run("models", "models.tree", batch.Request(passes="annotate,restore_names"))
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rewriter.basics.lazy import names_of

if TYPE_CHECKING:
    from rewriter.batch.file_task import rewrite_one
    from rewriter.batch.record import Record, Status
    from rewriter.batch.request import Request
    from rewriter.batch.schedule import Batch, run

__all__ = ["Batch", "Record", "Request", "Status", "rewrite_one", "run"]

_HOME = {
    "Batch": "schedule",
    "Record": "record",
    "Request": "request",
    "Status": "record",
    "rewrite_one": "file_task",
    "run": "schedule",
}


__getattr__ = names_of(__name__, _HOME)  # verbs on one file do not import pools
