"""Shows the results of a batch as text and JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal, NotRequired, TypedDict, cast

from rich.console import Console

from rewriter.basics.display import counted
from rewriter.batch.record import Record, Status
from rewriter.batch.schedule import Batch
from rewriter.views.json.types import Amount, Count, Keywords, Positive
from rewriter.views.text.parts import flow, signs

SCHEMA: Final = "rewriter.batch/1"


class BatchRecordJson(TypedDict):
    """Outcome of one file of a batch. The ledger has the same fields, except `kept`.

    Attributes:
        source: Path or URL of the file.
        target: Path of the output, relative to the output folder.
        status: The status.
        message: The reason for the status, in one line; empty if done.
        key: Digest of the source, its external data, the options, the version of rewriter, and a config
            beside the source with the version of transformers; empty if the source could not be read.
        request: Digest of the options.
        version: Version of rewriter.
        nodes: Number of nodes of the source; null if not done.
        placed: Number of nodes with a module that is no guess; null if not done.
        guessed: Number of nodes whose module is a guess; null if not done.
        refusals: Number of refusals.
        exact: Whether source and result give the same numbers bit for bit, known if onnxruntime ran both or
            their executable graphs are identical; else null.
        seconds: Time spent.
        outputs: Written file, relative to the folder of the target -> BLAKE2b of its content.
        stamps: URL that was read -> digest of its version on the server; empty if the server states none.
        notes: Notes on the model as a whole, one line each.
        misses: Glob of a pass that matches nothing in the model -> the message; the pass ignored the glob.
        kept: Whether an earlier or concurrent run did the file.
    """

    source: str
    target: str
    status: Status
    message: str
    key: str
    request: str
    version: str
    nodes: Count | None
    placed: Count | None
    guessed: Count | None
    refusals: Count
    exact: bool | None
    seconds: Amount
    outputs: Mapping[str, str]
    stamps: Mapping[str, str]
    notes: Sequence[str]
    misses: NotRequired[Mapping[str, str]]
    kept: bool


class BatchJson(TypedDict):
    """Results of a batch.

    Printed by `rewriter batch --json`.

    Attributes:
        output: The folder or URL that was written to.
        ledger: The JSON Lines file with the records.
        exit_code: Exit code of the worst file; 2 if a glob matches nothing in any done file and no file has
            a worse status.
        seconds: Time spent.
        statuses: Status -> number of files.
        misses: One message for each glob of a pass that matches nothing in any done file.
        records: One record per file, in the order of targets.
    """

    schema: Literal["rewriter.batch/1"]
    output: str
    ledger: str
    exit_code: Annotated[int, Keywords(enum=sorted({status.exit_code for status in Status}))]
    seconds: Amount
    statuses: Mapping[str, Positive]
    misses: NotRequired[Sequence[str]]
    records: Sequence[BatchRecordJson]


def batch_json(batch: Batch) -> BatchJson:
    """Return the results of a batch as JSON."""
    return {
        "schema": SCHEMA,
        "output": batch.output,
        "ledger": str(batch.ledger),
        "exit_code": batch.exit_code,
        "seconds": round(batch.seconds, 3),
        "statuses": dict(_counts(batch)),
        "misses": list(batch.misses),
        "records": [_record_json(record, kept=record.target in batch.kept) for record in batch.records],
    }


def _record_json(record: Record, *, kept: bool) -> BatchRecordJson:
    return cast(BatchRecordJson, {**record.as_json(), "kept": kept})


def print_batch(batch: Batch, console: Console) -> None:
    """Print the numbers of files and of placed nodes, each failure with its reason, and the time."""
    nodes = sum(record.nodes or 0 for record in batch.records)
    placed = sum(record.placed or 0 for record in batch.records)
    guessed = sum(record.guessed or 0 for record in batch.records)
    files = len(batch.records)
    flow(console, [f"{counted(files, 'file')} · {batch.output}"], "bold")
    if nodes:
        told = [
            f"{placed:,} of {counted(nodes, 'node')} placed",
            *([f"{guessed:,} guessed"] if guessed else []),
        ]
        flow(console, told, label="tree")
    if batch.kept:
        flow(console, [f"{len(batch.kept):,} finished by another run, see {batch.ledger}"], label="kept")
    mark = signs(console)
    done = sum(record.status is Status.DONE for record in batch.records)
    good = not batch.failures and not batch.misses
    flow(
        console,
        [f"{mark.yes if good else mark.no} {done:,} of {files:,} done"],
        "green" if good else "bold red",
        label="result",
    )
    for number, record in enumerate(batch.failures):
        flow(console, [f"{record.status.value}: {record.message}"], label="" if number else "failed")
    for number, message in enumerate(batch.misses):
        flow(console, [f"in every done file: {message}"], "yellow", label="" if number else "fits")
    flow(console, [f"{batch.seconds:.1f} s"], "dim", label="took")


def _counts(batch: Batch) -> dict[str, int]:
    found = Counter(record.status for record in batch.records)
    return {str(status): found[status] for status in Status if found[status]}
