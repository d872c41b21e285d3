from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from rewriter.batch.ledger import Ledger
from rewriter.batch.record import Record, Status, from_json, worst
from rewriter.errors import CannotWrite

RECORD = Record("src/a.onnx", "a.onnx", Status.DONE, key="k", outputs={"a.onnx": "d"}, notes=("n",))


def test_records_come_back(tmp_path: Path) -> None:
    with Ledger(tmp_path / "deep" / "ledger.jsonl") as ledger:
        assert ledger.records() == {}
        ledger.append(RECORD)
        ledger.append(other := replace(RECORD, target="b.onnx", status=Status.CRASHED))
        assert ledger.records() == {"a.onnx": RECORD, "b.onnx": other}
        ledger.append(later := replace(RECORD, status=Status.UNREADABLE))
        assert ledger.records()["a.onnx"] == later


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_torn_last_line_costs_that_line_alone(cut: int, tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with Ledger(path) as ledger:
        ledger.append(RECORD)
        ledger.append(replace(RECORD, target="torn.onnx"))
    path.write_bytes(path.read_bytes()[:-cut])
    with Ledger(path) as ledger:
        assert ledger.records() == {"a.onnx": RECORD}
        ledger.append(after := replace(RECORD, target="after.onnx"))
        whole = {"torn.onnx": replace(RECORD, target="torn.onnx")} if cut == 1 else {}
        assert ledger.records() == {"a.onnx": RECORD, "after.onnx": after} | whole


@pytest.mark.parametrize(
    "line", ["", "null", "[]", "{}", '{"status": "done"}', "[" * 100_000, "\x00", '{"status": "new"}']
)
def test_what_is_no_record_is_passed_over(line: str, tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_text(f"{line}\n{json.dumps(RECORD.as_json())}\n")
    with Ledger(path) as ledger:
        assert ledger.records() == {"a.onnx": RECORD}


def test_a_record_of_other_types_is_none() -> None:
    assert from_json(RECORD.as_json()) == RECORD
    assert from_json(RECORD.as_json() | {"new": 1}) == RECORD  # a later version may tell more
    assert from_json(RECORD.as_json() | {"key": 7}) is None
    assert from_json(RECORD.as_json() | {"outputs": []}) is None


def test_another_process_sees_lines_and_claims(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    code = (
        "import sys; from pathlib import Path; from rewriter.batch.ledger import Ledger\n"
        "ledger = Ledger(Path(sys.argv[1])); claimed = ledger.claim('a.onnx'), ledger.claim('b.onnx')\n"
        "print(sorted(ledger.records()), *claimed)"
    )

    def ask() -> str:
        words = [sys.executable, "-c", code, str(path)]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()

    with Ledger(path) as ledger:
        assert ledger.claim("a.onnx")
        assert ask() == "[] False True"
        ledger.append(RECORD)
        assert ledger.claim("b.onnx")  # the other process is gone, and its claim with it
        ledger.release("a.onnx")
        assert ask() == "['a.onnx'] True False"


def test_a_ledger_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CannotWrite, match="see --ledger"):
        Ledger(tmp_path / "file" / "ledger.jsonl")


def test_the_worst_counts() -> None:
    assert worst([]) is Status.DONE
    assert worst([Status.DONE, Status.BELOW_THRESHOLD]).exit_code == 4
    assert worst([Status.UNREADABLE, Status.MISUSE, Status.BELOW_THRESHOLD]).exit_code == 3
    assert worst([Status.NOT_PROVED, Status.UNREADABLE]).exit_code == 5
    assert worst([Status.NOT_PROVED, Status.DIFFERENT]).exit_code == 1
    assert worst([Status.CRASHED, Status.DIFFERENT]).exit_code == 70
