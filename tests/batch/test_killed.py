"""Whoever is killed: nothing is lost, nothing done twice, nobody stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from rewriter import batch
from rewriter.batch.engines import pool
from tests.batch.making import GATE, QUICK, contents, folder_of, lines, recorded
from tests.processes import PATIENCE, children_of_ours, wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="signals of POSIX, processes in /proc")
ROOT = Path(__file__).resolve().parents[2]
GATED = """
import functools, sys
from rewriter.batch import run
from rewriter.batch import schedule
from rewriter.cli import main
from tests.batch.making import gated
schedule.run = functools.partial(run, work=gated)
main(sys.argv[1:])
"""
NAMES = [f"part{number % 3}/m{number}.onnx" for number in range(14)]


class Run:
    """A batch in a process of its own, which its descendants can be told by.

    Args:
        source: the folder of models.
        out: where to.
        words: options.
        most: records after which no file is begun, until `go_on`.
    """

    def __init__(self, source: Path, out: Path, *words: str, most: int = len(NAMES)) -> None:
        self.mark = f"{out.parent.name}-{os.getpid()}-{time.monotonic_ns()}"
        self.scratch = out.parent / f"scratch-{self.mark}"
        self.scratch.mkdir()
        self._out = out
        self._most = most
        self.process = subprocess.Popen(
            [sys.executable, "-c", GATED, "batch", str(source), "-o", str(out), "--jobs", "2", *words],
            env={
                **os.environ,
                "REWRITER_TEST_MARK": self.mark,
                "TMPDIR": str(self.scratch),
                "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
                GATE: f"{out}:{most}",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def until_shut(self) -> None:
        """Wait for the records that shut the gate."""
        wait_for(lambda: recorded(self._out) >= self._most or self.process.poll() is not None)
        assert self.process.poll() is None

    def go_on(self) -> None:
        """Open the gate."""
        Path(f"{self._out}.open").touch()

    def told(self) -> tuple[str, str]:
        """What it said on stdout and stderr, once it is done."""
        return self.process.communicate(timeout=PATIENCE)

    def living(self) -> list[int]:
        """Its processes that run."""
        return children_of_ours(f"REWRITER_TEST_MARK={self.mark}")

    def workers(self) -> list[int]:
        """Those of its pool."""
        commands = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in self.living()}
        return [pid for pid, command in commands.items() if b"spawn_main" in command]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of(tmp_path_factory.mktemp("many") / "src", *NAMES)


@pytest.fixture(scope="module")
def whole(source: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What comes out when nobody is killed."""
    out = tmp_path_factory.mktemp("whole") / "out"
    batch.run(source, out, QUICK, jobs=1)
    return contents(out)


def finished(source: Path, out: Path, whole: dict[str, bytes], done: int) -> None:
    """Go on, and look that the result is the same, and no file was done twice."""
    before = lines(out)
    found = batch.run(source, out, QUICK, jobs=1)
    assert found.exit_code == 0
    assert len(found.kept) == len(before) >= done
    assert contents(out) == whole
    assert Counter(line["target"] for line in lines(out)) == Counter(NAMES)


def test_the_parent_is_killed(source: Path, whole: dict[str, bytes], tmp_path: Path) -> None:
    out = tmp_path / "out"
    run = Run(source, out, "--no-numbers", most=5)
    run.until_shut()
    run.process.kill()
    run.told()
    wait_for(lambda: not run.living())
    finished(source, out, whole, 5)


@pytest.mark.parametrize(
    "number",
    [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.thorough)],
    ids=["ctrl_c", "sigterm"],
)
def test_an_interrupt_ends_the_run(
    number: signal.Signals, source: Path, tmp_path: Path, interruptible: None
) -> None:
    out = tmp_path / "out"
    run = Run(source, out, most=2)  # with numbers: processes of processes are at work
    run.until_shut()
    run.process.send_signal(number)
    _, err = run.told()
    done = len(lines(out))
    assert run.process.returncode == 130
    said = f"rewriter: interrupted: {done} of 14 files finished; run the same command again to go on"
    assert err.splitlines()[-1] == said
    wait_for(lambda: not run.living())
    assert list(run.scratch.iterdir()) == []
    assert not [path for path in out.rglob("*") if path.name.endswith(".tmp")]
    found = batch.run(source, out, jobs=1, work=_fails)  # whatever is not recorded comes to this work
    assert len(found.kept) == done >= 2


def _fails(*_: object) -> batch.Record:
    raise AssertionError("done twice")


def test_a_worker_is_killed(source: Path, whole: dict[str, bytes], tmp_path: Path) -> None:
    out = tmp_path / "out"
    run = Run(source, out, "--no-numbers", most=3)
    run.until_shut()
    wait_for(lambda: len(run.workers()) == 2)
    os.kill(run.workers()[0], signal.SIGKILL)
    run.go_on()
    run.told()
    assert run.process.returncode == 0
    assert contents(out) == whole
    finished(source, out, whole, len(NAMES))


def test_two_runs_share_the_work(source: Path, whole: dict[str, bytes], tmp_path: Path) -> None:
    out = tmp_path / "out"
    runs = [Run(source, out, "--no-numbers") for _ in range(2)]
    told = [run.told() for run in runs]
    assert [run.process.returncode for run in runs] == [0, 0]
    assert all("14 of 14 done" in out for out, _ in told)
    finished(source, out, whole, len(NAMES))


def test_an_interrupt_that_comes_just_before_a_file_counts(
    monkeypatch: pytest.MonkeyPatch, interruptible: None
) -> None:
    """The parent sends it once, when it has handed a file over and the worker has not begun it."""
    monkeypatch.setattr(pool, "_ASKED", threading.Event())
    begun: list[str] = []
    works = partial(_notes, begun)
    with pytest.raises(StopIteration):
        pool._work(works, "first", "out", QUICK)
    signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        pool._work(works, "second", "out", QUICK)
    assert begun == ["first"]


def _notes(begun: list[str], source: str, *_: object) -> batch.Record:
    begun.append(source)
    raise StopIteration
