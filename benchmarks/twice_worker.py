"""Runs command lines one by one in a process with its own hash seed.

A job is one line of JSON on stdin, `{"folder": ..., "commands": [[word, ...], ...]}`; its answer is one line
on stdout: exit code, stdout and stderr of each command. Every command runs in the folder.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from benchmarks.twice_commands import Words
from rewriter.cli import main
from tests import forks

SEEDS = (1, 271828)
ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Said:
    """Exit code and output of a command."""

    code: int
    stdout: str
    stderr: str


class Worker:
    """Handle of a worker process.

    Args:
        seed: PYTHONHASHSEED of the process and of its child processes.

    Attributes:
        hashed: the hash of a fixed text in the process.
    """

    def __init__(self, seed: int) -> None:
        environment = {**os.environ, "PYTHONHASHSEED": str(seed), "PYTHONPATH": str(ROOT), "COLUMNS": "80"}
        environment.pop(forks.ADDRESS, None)  # a fork server would give one seed to all
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.twice_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env=environment,
        )

        assert self._process.stdout is not None
        self.hashed = self._process.stdout.readline().strip()

    def begin(self, folder: Path, commands: Sequence[Words]) -> None:
        """Start some commands in a folder."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"folder": str(folder), "commands": commands}) + "\n")
        self._process.stdin.flush()

    def result(self) -> list[Said]:
        """Return the results, in order.

        Raises:
            RuntimeError: the process died.
        """
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process that runs the commands died, code {self._process.wait()}")
        return [Said(*each) for each in json.loads(line)]

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


class Pair:
    """Two processes with different hash seeds, each with its own folder.

    Args:
        scratch: the parent of the folders.
    """

    def __init__(self, scratch: Path) -> None:
        self.folders = (scratch / "a", scratch / "the other one")
        self._workers = tuple(map(Worker, SEEDS))
        one, other = self._workers
        assert one.hashed != other.hashed, "both processes have one hash seed"

    def renew(self) -> None:
        """Empty the folders."""
        for folder in self.folders:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)

    def run(
        self, one: Sequence[Words], other: Sequence[Words] | None = None
    ) -> tuple[list[Said], list[Said]]:
        """Run commands in both processes at the same time; without `other`, the second reverses the list."""
        backwards = other is None
        theirs = one[::-1] if other is None else other
        for worker, folder, words in zip(self._workers, self.folders, (one, theirs), strict=True):
            worker.begin(folder, words)
        first, second = (worker.result() for worker in self._workers)
        return first, second[::-1] if backwards else second

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.close()


def _said(words: Sequence[str]) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    code: object = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(words)
        except SystemExit as left:
            code = left.code
    return code if isinstance(code, int) else 70, out.getvalue(), err.getvalue()


def _serve() -> None:
    """Answer jobs until stdin ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # keep other output apart from the answers
    if forks.AVAILABLE:
        forks.fork_children()
    answers.write(f"{hash('a text')}\n")
    answers.flush()
    for line in sys.stdin:
        job = json.loads(line)
        os.chdir(job["folder"])
        answers.write(json.dumps([_said(words) for words in job["commands"]]) + "\n")
        answers.flush()
    forks.pytest_sessionfinish()


if __name__ == "__main__":
    _serve()
