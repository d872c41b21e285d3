"""`rewriter batch SRC... -o DST`."""

from __future__ import annotations

from rewriter.basics import interrupts
from rewriter.batch import schedule
from rewriter.batch.table import demand_table, write_table
from rewriter.batch.views import batch_json, print_batch
from rewriter.cli.common import show
from rewriter.cli.write.batch_progress import shown
from rewriter.cli.write.requests import request_of
from rewriter.errors import Interrupted
from rewriter.options.write import BatchOptions


def run(options: BatchOptions) -> int:
    """Rewrite all files, print the results, and return the exit code of the worst file."""
    if options.results is not None:
        demand_table(options.results)
    batch = _rewritten(options)
    if options.results is not None:
        write_table(options.results, batch)
    show(options, lambda: batch_json(batch), lambda console: print_batch(batch, console))
    return batch.exit_code


def _rewritten(options: BatchOptions) -> schedule.Batch:
    """Rewrite all files.

    Raises:
        Interrupted: Ctrl-C or SIGTERM ended the run while it processed files.
    """
    try:
        with interrupts.by_sigterm(), shown() as (told, watch):
            return schedule.run(
                options.sources,
                options.output,
                request_of(options),
                engine=options.engine,
                jobs=options.jobs,
                ledger=options.ledger,
                again=options.retry,
                also=options.also,
                told=told,
                watch=watch,
                file_timeout=options.file_timeout,
            )
    except KeyboardInterrupt as stop:
        raise Interrupted(str(stop) or "interrupted") from None
