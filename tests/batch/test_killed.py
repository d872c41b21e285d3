"""Whoever is killed: nothing is lost, nothing done twice, nobody stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from rewriter import batch
from tests.batch.making import QUICK, contents, folder_of, lines
from tests.cli.test_interrupt import children_of_ours

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="signals of POSIX, processes in /proc")
ROOT = Path(__file__).resolve().parents[2]
SLOWLY = """
import functools, sys
from rewriter.batch import run
from rewriter.cli import batch, main
from tests.batch.making import slowly
batch.run = functools.partial(run, work=slowly)
main(sys.argv[1:])
"""
NAMES = [f"part{number % 3}/m{number}.onnx" for number in range(14)]


class Run:
    """A batch in a process of its own, which its descendants can be told by."""

    def __init__(self, source: Path, out: Path, *words: str) -> None:
        self.mark = f"{out.parent.name}-{os.getpid()}-{time.monotonic_ns()}"
        self.scratch = out.parent / f"scratch-{self.mark}"
        self.scratch.mkdir()
        self.process = subprocess.Popen(
            [sys.executable, "-c", SLOWLY, "batch", str(source), "-o", str(out), "--jobs", "2", *words],
            env={
                **os.environ,
                "REWRITER_TEST_MARK": self.mark,
                "TMPDIR": str(self.scratch),
                "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def until(self, out: Path, count: int) -> None:
        """Wait for that many records."""
        ledger = out / "rewriter-batch.jsonl"
        for _ in range(1000):
            if ledger.exists() and ledger.read_bytes().count(b"\n") >= count:
                return
            time.sleep(0.02)
        raise AssertionError(f"no {count} records; {self.process.poll()}")

    def living(self) -> list[int]:
        """Its descendants that are left after some seconds."""
        for _ in range(400):
            left = [pid for pid in children_of_ours(f"REWRITER_TEST_MARK={self.mark}") if not _is_dead(pid)]
            if not left:
                return []
            time.sleep(0.02)
        return left


def _is_dead(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


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
    run = Run(source, out, "--no-numbers")
    run.until(out, 5)
    run.process.kill()
    run.process.communicate(timeout=20)
    assert run.living() == []
    finished(source, out, whole, 5)


def test_ctrl_c(source: Path, whole: dict[str, bytes], tmp_path: Path) -> None:
    out = tmp_path / "out"
    run = Run(source, out)  # with numbers: processes of processes are at work
    run.until(out, 2)
    run.process.send_signal(signal.SIGINT)
    _, err = run.process.communicate(timeout=20)
    assert (run.process.returncode, err) == (130, "\nrewriter: interrupted\n")
    assert run.living() == []
    assert list(run.scratch.iterdir()) == []
    assert not [path for path in out.rglob("*") if path.name.endswith(".tmp")]
    recorded = len(lines(out))
    found = batch.run(source, out, jobs=1, work=_fails)  # whatever is not recorded comes to this work
    assert len(found.kept) == recorded >= 2


def _fails(*_: object) -> batch.Record:
    raise AssertionError("done twice")


def test_a_worker_is_killed(source: Path, whole: dict[str, bytes], tmp_path: Path) -> None:
    out = tmp_path / "out"
    run = Run(source, out, "--no-numbers")
    run.until(out, 3)
    workers = [
        pid
        for pid in children_of_ours(f"REWRITER_TEST_MARK={run.mark}")
        if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    assert len(workers) == 2
    os.kill(workers[0], signal.SIGKILL)
    _, err = run.process.communicate(timeout=60)
    assert (run.process.returncode, err) == (0, "")
    assert contents(out) == whole
    finished(source, out, whole, len(NAMES))


def test_two_runs_share_the_work(source: Path, whole: dict[str, bytes], tmp_path: Path) -> None:
    out = tmp_path / "out"
    runs = [Run(source, out, "--no-numbers") for _ in range(2)]
    told = [run.process.communicate(timeout=60) for run in runs]
    assert [run.process.returncode for run in runs] == [0, 0]
    assert all("14 of 14 done" in out for out, _ in told)
    finished(source, out, whole, len(NAMES))
