from __future__ import annotations

import pytest

from rewriter.batch.at_work import BatchState
from rewriter.batch.record import Record, Status
from rewriter.cli.write.batch_progress import Lines


def state(**changed: object) -> BatchState:
    base = {"through": 3, "of": 300, "under_way": {"m.onnx": 4.0}, "awaited": "", "news": ()}
    return BatchState(**{**base, **changed})  # type: ignore[arg-type]


def test_a_line_every_ten_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    clock = iter([0.0, 9.9, 10.0, 12.0, 20.0, 31.0])
    lines = Lines(lambda: next(clock))
    lines.told(Record("a", "a", Status.DONE), 1, 300)
    for _ in range(2):
        lines.watch(state())
    assert capsys.readouterr().err == "rewriter: 3 of 300 files · 10 s\n"
    lines.told(Record("b", "b", Status.UNREADABLE), 2, 300)
    lines.watch(state(through=4))
    lines.watch(state(through=4, under_way={"m.onnx": 14.2, "n.onnx": 3.0}))
    assert capsys.readouterr().err == "rewriter: 4 of 300 files · 1 failed · 20 s · m.onnx takes 14 s\n"
    lines.watch(state(awaited="a worker of dask://h:1", under_way={}))
    assert "waiting for a worker of dask://h:1" in capsys.readouterr().err


def test_news_come_at_once_and_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    Lines(lambda: 0.0).watch(state(news=("dask://h:1: 2 workers\x1b[2J",)))
    assert capsys.readouterr().err == "rewriter: dask://h:1: 2 workers\\x1b[2J\n"
