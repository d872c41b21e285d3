"""Writes the results of a batch as a table: CSV, or Parquet if pyarrow is installed."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rewriter.batch.record import Record
from rewriter.batch.schedule import Batch
from rewriter.errors import UsageError
from rewriter.model.storage.atomic_outputs import write_atomically
from rewriter.model.storage.output_targets import demand_file

_COLUMNS: Mapping[str, Callable[[Record], str | int | float | bool | None]] = {
    "source": lambda record: record.source,
    "target": lambda record: record.target,
    "status": lambda record: str(record.status),
    "exit_code": lambda record: record.status.exit_code,
    "message": lambda record: record.message,
    "nodes": lambda record: record.nodes,
    "placed": lambda record: record.placed,
    "guessed": lambda record: record.guessed,
    "refusals": lambda record: record.refusals,
    "exact": lambda record: record.exact,
    "seconds": lambda record: record.seconds,
    "key": lambda record: record.key,
    "version": lambda record: record.version,
}


def demand_table(path: Path) -> None:
    """Refuse a table file that cannot be written, before the batch runs.

    Raises:
        CannotWrite: it is a folder or a device.
        UsageError: it is neither `.csv` nor `.parquet`, its folder is missing, or Parquet needs pyarrow.
    """
    if path.suffix not in {".csv", ".parquet"}:
        raise UsageError(f"--results {path}: cannot tell the format; name a .csv or .parquet file")
    if not path.parent.is_dir():
        raise UsageError(f"--results {path}: the folder {path.parent} does not exist; create it first")
    demand_file(path)
    if path.suffix == ".parquet" and find_spec("pyarrow") is None:
        raise UsageError(f"--results {path}: Parquet needs pyarrow; pip install pyarrow, or name a .csv file")


def write_table(path: Path, batch: Batch) -> None:
    """Write one row per file, in the order of targets; column `kept` is true for files of other runs.

    Raises:
        CannotWrite: the file cannot be written.
    """
    columns: dict[str, list[Any]] = {
        name: [_plain(cell(record)) for record in batch.records] for name, cell in _COLUMNS.items()
    }
    columns["kept"] = [record.target in batch.kept for record in batch.records]
    data = _csv(columns) if path.suffix == ".csv" else _parquet(columns)
    write_atomically({path: data})


def _plain(cell: Any) -> Any:
    """Return the cell, with undecodable bytes of file names as backslash escapes."""
    return cell.encode("utf-8", "backslashreplace").decode() if isinstance(cell, str) else cell


def _csv(columns: Mapping[str, list[Any]]) -> bytes:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return stream.getvalue().encode()


def _parquet(columns: Mapping[str, list[Any]]) -> bytes:
    arrow, parquet = import_module("pyarrow"), import_module("pyarrow.parquet")
    kinds = {
        **dict.fromkeys(columns, arrow.string()),
        **dict.fromkeys(("exit_code", "nodes", "placed", "guessed", "refusals"), arrow.int64()),
        **dict.fromkeys(("exact", "kept"), arrow.bool_()),
        "seconds": arrow.float64(),
    }
    arrays = {name: arrow.array(cells, kinds[name]) for name, cells in columns.items()}
    stream = io.BytesIO()
    parquet.write_table(arrow.table(arrays), stream)
    return stream.getvalue()
