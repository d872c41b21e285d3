from __future__ import annotations

import csv
import sys
from pathlib import Path

import pytest

from rewriter.batch.record import Record, Status
from rewriter.batch.schedule import Batch
from rewriter.batch.table import demand_table, write_table
from rewriter.errors import UsageError

RECORDS = (
    Record("src/a.onnx", "a.onnx", Status.DONE, nodes=3, placed=2, exact=True, seconds=0.5),
    Record("src/b.onnx", "b.onnx", Status.UNREADABLE, 'b: no,\n"model"; \udcff export'),
)
BATCH = Batch(RECORDS, frozenset({"a.onnx"}), "out", Path("out/ledger"), 1.0)


def test_csv(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    demand_table(path)
    write_table(path, BATCH)
    with path.open(newline="", encoding="utf-8") as stream:
        first, second = csv.DictReader(stream)
    assert (first["status"], first["exit_code"], first["placed"], first["kept"]) == ("done", "0", "2", "True")
    assert (second["nodes"], second["exact"], second["exit_code"]) == ("", "", "3")
    assert second["message"].startswith('b: no,\n"model"; ')


def test_parquet(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    path = tmp_path / "table.parquet"
    demand_table(path)
    write_table(path, BATCH)
    table = parquet.read_table(path)
    assert table.column("placed").to_pylist() == [2, None]
    assert table.column("exact").to_pylist() == [True, None]
    assert table.column("kept").to_pylist() == [True, False]
    assert str(table.schema.field("seconds").type) == "double"


def test_what_cannot_be_written_is_refused_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"name a \.csv or \.parquet file"):
        demand_table(tmp_path / "table.xlsx")
    with pytest.raises(UsageError, match="does not exist"):
        demand_table(tmp_path / "none" / "table.csv")
    monkeypatch.setattr(sys.modules["rewriter.batch.table"], "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"Parquet needs pyarrow; .*or name a \.csv file"):
        demand_table(tmp_path / "table.parquet")
