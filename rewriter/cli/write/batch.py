"""`rewriter batch SRC... -o DST`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from rewriter.batch import schedule
from rewriter.batch.record import Record, Status
from rewriter.batch.schedule import OnRecord
from rewriter.batch.table import demand_table, write_table
from rewriter.batch.views import batch_json, print_batch
from rewriter.cli.common import show
from rewriter.cli.write.requests import request_of
from rewriter.options.write import BatchOptions
from rewriter.views.escape import visible


def run(options: BatchOptions) -> int:
    """Rewrite all files, print the results, and return the exit code of the worst file."""
    if options.results is not None:
        demand_table(options.results)
    with _bar() as told:
        batch = schedule.run(
            options.sources,
            options.output,
            request_of(options),
            engine=options.engine,
            jobs=options.jobs,
            ledger=options.ledger,
            again=options.retry,
            also=options.also,
            told=told,
        )
    if options.results is not None:
        write_table(options.results, batch)
    show(options, lambda: batch_json(batch), lambda console: print_batch(batch, console))
    return batch.exit_code


@contextmanager
def _bar() -> Iterator[OnRecord]:
    """Yield a callback that updates a progress bar on stderr, if stderr is a terminal."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    if not console.is_terminal:  # in rich before 14.3, a disabled bar prints an empty line
        yield lambda record, through, of: None
        return
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("rewrite", total=None)
        failed = 0

        def told(record: Record, through: int, of: int) -> None:
            nonlocal failed
            failed += record.status is not Status.DONE
            name = visible(record.target)[-40:]
            progress.update(
                task,
                total=of,
                completed=through,
                description=f"{name}{f' · {failed} failed' if failed else ''}",
            )

        yield told
