"""What became of a batch, for people and for programs."""

from __future__ import annotations

from collections import Counter
from typing import Any

from rich.console import Console

from rewriter.batch.record import Status
from rewriter.batch.schedule import Batch
from rewriter.views.text.parts import flow, signs

SCHEMA = "rewriter.batch/1"


def batch_json(batch: Batch) -> dict[str, Any]:
    """Every record, as `schemas/batch.schema.json` tells."""
    return {
        "schema": SCHEMA,
        "output": batch.output,
        "ledger": str(batch.ledger),
        "exit_code": batch.exit_code,
        "seconds": round(batch.seconds, 3),
        "statuses": dict(_counts(batch)),
        "misses": list(batch.misses),
        "records": [{**record.as_json(), "kept": record.target in batch.kept} for record in batch.records],
    }


def print_batch(batch: Batch, console: Console) -> None:
    """Print how many files ended how, and each that failed with its reason."""
    nodes = sum(record.nodes or 0 for record in batch.records)
    placed = sum(record.placed or 0 for record in batch.records)
    files = len(batch.records)
    flow(console, [f"{files:,} {'file' if files == 1 else 'files'} · {batch.output}"], "bold")
    if nodes:
        flow(console, [f"{placed:,} of {nodes:,} nodes placed"], label="tree")
    if batch.kept:
        flow(console, [f"{len(batch.kept):,} done before, by {batch.ledger}"], label="kept")
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
        flow(console, [f"in none of the files: {message}"], "yellow", label="" if number else "fits")
    flow(console, [f"{batch.seconds:.1f} s"], "dim", label="took")


def _counts(batch: Batch) -> dict[str, int]:
    found = Counter(record.status for record in batch.records)
    return {str(status): found[status] for status in Status if found[status]}
