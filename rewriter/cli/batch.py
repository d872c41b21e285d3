"""`rewriter batch SRC... -o DST`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from rewriter.batch.engines import FORMS
from rewriter.batch.record import Record, Status
from rewriter.batch.request import Request
from rewriter.batch.schedule import Told, run
from rewriter.batch.table import demand_table, write_table
from rewriter.batch.views import batch_json, print_batch
from rewriter.cli.common import MODEL, emit_json, stdout
from rewriter.cli.rewriting import rewrite_options
from rewriter.views.escape import visible


@click.command("batch")
@click.argument("sources", metavar="SRC...", nargs=-1, required=True)
@click.option("-o", "--output", required=True, metavar="DST", help="The folder to write to, or its URL.")
@click.option(
    "--engine",
    default="local",
    show_default=True,
    metavar="NAME",
    help=f"Who does the work: {FORMS}.",
)
@click.option("--jobs", type=click.IntRange(min=1), help="Processes of the local engine; one for every core.")
@click.option(
    "--ledger", type=MODEL, metavar="FILE", help="Where records are kept; rewriter-batch.jsonl in DST."
)
@click.option("--retry", is_flag=True, help="Do files again that failed for good, such as unreadable ones.")
@click.option(
    "--also",
    metavar="GLOB",
    multiple=True,
    help="Copy files of source folders that fit, such as '*.json', as well; may be given again.",
)
@click.option(
    "--results", type=MODEL, metavar="FILE", help="Write a table too: .csv, or .parquet by pyarrow."
)
@rewrite_options(copy_data=False)
@click.option("--json", "as_json", is_flag=True, help="Print all records as JSON.")
@click.pass_context
def command(
    ctx: click.Context,
    sources: tuple[str, ...],
    output: str,
    engine: str,
    jobs: int | None,
    ledger: Path | None,
    retry: bool,
    also: tuple[str, ...],
    results: Path | None,
    request: Request,
    as_json: bool,
) -> None:
    """Rewrite many files: each is written, proved and recorded by itself, as 'rewriter rewrite' does it.

    SRC is a file, a folder, a glob in quotes, or a URL of these (s3://, gs://, hf://, http:// ...: fsspec and
    its package for that are needed). DST mirrors their tree, external data included.

    Run it again to go on after an interrupt, or with more files: what the ledger tells as done is left alone,
    as long as contents, options and version are the same and the outputs are there. Several runs may share
    DST. A file whose process dies is tried once more when all others are through.

    Leaves with the exit code of the worst file; from the best to the worst: 0, 4, 2, 3, 5, 1, 70.

    \b
      rewriter batch models -o models.tree
      rewriter batch 'models/**/model.onnx' -o trees --restore-names --results trees.csv
      rewriter batch models -o models.mirror --also '*.json'
      rewriter batch models -o models.shared --functions shared --jobs 1 --json
    """
    if results is not None:
        demand_table(results)
    with _bar() as told:
        batch = run(
            sources,
            output,
            request,
            engine=engine,
            jobs=jobs,
            ledger=ledger,
            again=retry,
            also=also,
            told=told,
        )
    if results is not None:
        write_table(results, batch)
    if as_json:
        emit_json(batch_json(batch))
    else:
        print_batch(batch, stdout())
    ctx.exit(batch.exit_code)


@contextmanager
def _bar() -> Iterator[Told]:
    """A progress bar on stderr, where someone is looking."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    if not console.is_terminal:  # a bar that is disabled prints an empty line, in rich before 14.3
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
