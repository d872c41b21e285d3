"""Many files: a pure function over a plan of them, mapped by a pool of processes, Dask or Ray."""

from rewriter.batch.record import Record
from rewriter.batch.request import Request
from rewriter.batch.run import Batch, run
from rewriter.batch.work import rewrite_one

__all__ = ["Batch", "Record", "Request", "rewrite_one", "run"]
