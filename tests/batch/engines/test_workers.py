from __future__ import annotations

import pickle
from concurrent.futures import Future
from importlib.metadata import version

import pytest

from rewriter.batch.engines import workers
from rewriter.batch.engines.workers import Packages, Workers, packages_probe
from rewriter.errors import EngineLost
from rewriter.version import __version__

GOOD = {"rewriter": __version__, **{name: version(name) for name in ("onnx", "onnxruntime", "numpy")}}
BARE = {"fault": "ModuleNotFoundError: No module named 'rewriter'"}


class Asked:
    """The answers of workers, which a test gives."""

    def __init__(self) -> None:
        self.answers: dict[str, Future[Packages]] = {}
        self.woken = 0
        self.workers = Workers("dask://h:1", self._ask, self._wake)

    def _ask(self, worker: str) -> Future[Packages]:
        assert worker not in self.answers
        self.answers[worker] = Future()
        return self.answers[worker]

    def _wake(self) -> None:
        self.woken += 1


def test_who_has_the_package_works_once_it_has_answered() -> None:
    asked = Asked()
    assert asked.workers.see({"a": 1, "b": 2}) == ()
    assert asked.workers.fit == {}
    assert asked.workers.awaited == "the first answer of a, b"
    asked.answers["a"].set_result(GOOD)
    assert asked.workers.see({"a": 1, "b": 2}) == ()
    assert asked.workers.fit == {}  # so that the first news are whole
    asked.answers["b"].set_result(GOOD)
    news = f"dask://h:1: 2 workers with rewriter {__version__}"
    assert asked.workers.see({"a": 1, "b": 2}) == (news,)
    assert asked.workers.see({"a": 1, "b": 2}) == ()
    assert asked.workers.fit == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    ("answer", "said"),
    [(BARE, "No module named 'rewriter'"), ({**GOOD, "rewriter": "0.0.9"}, "rewriter 0.0.9")],
)
def test_who_has_not_is_left_out(answer: Packages, said: str) -> None:
    asked = Asked()
    asked.workers.see({"a": 1, "b": 1})
    asked.answers["a"].set_result(GOOD)
    asked.answers["b"].set_result(answer)
    (news,) = asked.workers.see({"a": 1, "b": 1})
    assert news.startswith(f"dask://h:1: 1 of 2 workers with rewriter {__version__}; left out: b (")
    assert said in news
    assert asked.workers.fit == {"a": 1}


def test_nobody_can_work() -> None:
    asked = Asked()
    asked.workers.see({"a": 1, "b": 1})
    asked.answers["a"].set_result(BARE)
    asked.answers["b"].set_exception(OSError("gone"))
    with pytest.raises(
        EngineLost, match=r"none of 2 workers can work .*: a \(.*'rewriter'\), b \(gone\); install"
    ):
        asked.workers.see({"a": 1, "b": 1})


def test_the_last_one_may_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked()
    asked.workers.see({"a": 1, "b": 1})
    asked.answers["a"].set_result(GOOD)
    asked.answers["b"].set_result(BARE)
    asked.workers.see({"a": 1, "b": 1})
    asked.workers.see({"b": 1})  # the process of a is started again, under another address
    monkeypatch.setattr(workers, "_NO_WORKER", -1.0)
    with pytest.raises(EngineLost, match="none of 1 worker can work"):
        asked.workers.see({"b": 1})


def test_no_worker_at_all_is_woken_once_and_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked()
    assert asked.workers.see({}) == ("dask://h:1: no worker",)
    assert asked.workers.see({}) == ()
    assert (asked.woken, asked.workers.awaited) == (1, "a worker of dask://h:1")
    monkeypatch.setattr(workers, "_NO_WORKER", -1.0)
    with pytest.raises(EngineLost, match=r"no worker for .* s; start one"):
        asked.workers.see({})


def test_who_never_answers_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked()
    asked.workers.see({"a": 1, "b": 1})
    asked.answers["a"].set_result(GOOD)
    monkeypatch.setattr(workers, "PATIENCE", -1.0)
    assert "left out: b (no answer yet)" in asked.workers.see({"a": 1, "b": 1})[0]
    assert (asked.workers.fit, asked.workers.awaited) == ({"a": 1}, "")
    monkeypatch.setattr(workers, "_FIRST_ANSWER", -1.0)
    assert "left out: b (does not answer)" in asked.workers.see({"a": 1, "b": 1})[0]


def test_other_versions_of_onnx_are_told() -> None:
    asked = Asked()
    asked.workers.see({"a": 1})
    asked.answers["a"].set_result({**GOOD, "onnx": "1.0"})
    (news,) = asked.workers.see({"a": 1})
    assert f"other bytes are possible: a (onnx 1.0 (here {version('onnx')}))" in news
    assert asked.workers.fit == {"a": 1}


def test_the_probe_is_sent_as_code_and_says_what_is_here() -> None:
    probe = packages_probe()
    assert probe() == GOOD
    with pytest.raises((AttributeError, pickle.PicklingError)):  # so that clusters do not send its name
        pickle.dumps(probe)


def test_the_probe_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "rewriter.batch.file_task", None)
    assert "rewriter.batch.file_task" in packages_probe()()["fault"]
