from __future__ import annotations

import threading

import pytest

from rewriter.batch.engines import pulse
from rewriter.batch.engines.pulse import Pulse, in_time
from rewriter.errors import EngineLost


def _refuse() -> None:
    raise ConnectionError("refused\nat once")


def test_the_first_call_fails_in_one_line() -> None:
    with pytest.raises(
        EngineLost, match=r"^ray://h:1: no cluster answers: refused at once; check the address$"
    ):
        in_time(_refuse, "ray://h:1")


def test_the_first_call_never_ends() -> None:
    never = threading.Event()
    with pytest.raises(EngineLost, match="no cluster answers: no answer within 0 s"):
        in_time(never.wait, "ray://h:1", 0.0)
    never.set()


def test_a_cluster_that_falls_silent_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulse, "_PAUSE", 0.0)
    silent = threading.Event()
    asked: list[int] = []

    def ask() -> int:
        if silent.is_set():
            raise ConnectionError("gone")
        asked.append(len(asked))
        return asked[-1]

    beat = Pulse("dask://h:1", ask)
    beat.demand_next()
    assert beat.latest() > 0
    silent.set()
    monkeypatch.setattr(pulse, "PATIENCE", 0.0)
    with pytest.raises(EngineLost, match=r"^dask://h:1: has not answered for 0 s"):
        beat.demand_next()
    left: list[bool] = []
    beat.close(lambda: left.append(True))
