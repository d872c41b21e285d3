from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path

import pytest

from rewriter import batch
from rewriter.batch import Record, Request, schedule
from rewriter.batch.at_work import BatchState
from rewriter.batch.record import Status
from rewriter.errors import CannotWrite, EngineLost
from tests.batch.making import QUICK, folder_of, lines

Start = Callable[[str, str], Record]


class Played:
    """An engine whose files end as a test says."""

    name = "played"
    width = 1
    awaited = ""

    def __init__(self, start: Start, *, lost: bool = False) -> None:
        self._start = start
        self.lost = lost
        self.closed = False

    def look(self) -> Sequence[str]:
        return ("2 workers",)

    def demand_answer(self) -> None:
        if self.lost:
            raise EngineLost("played: has not answered for 10 s")

    def submit(self, source: str, target: str, request: Request) -> Future[Record]:
        future: Future[Record] = Future()
        try:
            future.set_result(self._start(source, target))
        except ValueError as error:
            future.set_exception(error)
        return future

    def close(self) -> None:
        self.closed = True


def ends(engine: Played, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[BatchState]:
    """The states of a run of four files with this engine."""
    states: list[BatchState] = []
    monkeypatch.setattr(schedule, "engine_of", lambda *_: lambda: engine)
    source = folder_of(folder / "src", *(f"{letter}.onnx" for letter in "abcd"))
    batch.run(source, folder / "out", QUICK, watch=states.append)
    return states


def done(source: str, target: str) -> Record:
    return Record(source, target, Status.DONE)


def at_b(bad: Start) -> Start:
    return lambda source, target: (bad if source.endswith("b.onnx") else done)(source, target)


def dies(source: str, target: str) -> Record:
    raise ValueError("died")


def test_the_state_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    states = ends(Played(done), tmp_path, monkeypatch)
    assert [state.through for state in states] == [0, 1, 2, 3]
    assert {state.of for state in states} == {4}
    assert [list(state.under_way) for state in states] == [[f"{letter}.onnx"] for letter in "abcd"]
    assert states[0].news == ("2 workers",)


def test_a_full_disk_stops_the_run_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = at_b(lambda source, target: Record(source, target, Status.DISK_FULL, "b.onnx: no space"))
    engine = Played(full)
    with pytest.raises(CannotWrite, match=r"^b\.onnx: no space; 1 of 4 files finished; run the same command"):
        ends(engine, tmp_path, monkeypatch)
    assert engine.closed
    assert [line["target"] for line in lines(tmp_path / "out")] == ["a.onnx"]


def test_a_lost_engine_accuses_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EngineLost, match=r"^played: has not answered for 10 s; 1 of 4 files finished; run"):
        ends(Played(at_b(dies), lost=True), tmp_path, monkeypatch)
    assert [line["target"] for line in lines(tmp_path / "out")] == ["a.onnx"]


def test_an_engine_that_takes_no_file_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Played(done)
    monkeypatch.setattr(engine, "submit", lambda *_: 1 / 0)
    with pytest.raises(EngineLost, match=r"^played: takes no file: division by zero$"):
        ends(engine, tmp_path, monkeypatch)


def test_an_interrupt_says_how_far_it_came(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(source: str, target: str) -> Record:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match=r"^interrupted: 1 of 4 files finished; run the same command"):
        ends(Played(at_b(interrupted)), tmp_path, monkeypatch)


def test_who_waits_for_workers_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rewriter.batch.at_work._POLL", 0.0)
    engine = Played(done)
    states: list[BatchState] = []

    def watch(state: BatchState) -> None:
        states.append(state)
        engine.width, engine.awaited = 1, ""

    engine.width, engine.awaited = 0, "a worker of played"
    monkeypatch.setattr(schedule, "engine_of", lambda *_: lambda: engine)
    batch.run(folder_of(tmp_path / "src", "a.onnx"), tmp_path / "out", QUICK, watch=watch)
    assert [state.awaited for state in states] == ["a worker of played", ""]
