"""Runs files in a worker process, which may crash, hang or take all memory; a new worker then goes on."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.corpus_depths import STEP
from benchmarks.corpus_worker import Result, Verdict

SECONDS, MEMORY = 60.0, 4 << 30


class Pool:
    """Pool of one worker process, which is replaced when it dies."""

    def __init__(self, seconds: float = SECONDS, memory: int = MEMORY) -> None:
        self.seconds, self.memory = seconds, memory
        self._worker: subprocess.Popen[bytes] | None = None
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  closed with the pool

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.renew()
        self._errors.close()

    def run(self, path: Path, tool: str) -> Result:
        """Return the result of a tool on a file; faults of a file are results, not errors."""
        worker = self._worker or self._start()
        assert worker.stdin is not None
        assert worker.stdout is not None
        self._errors.seek(0)
        self._errors.truncate()
        try:
            worker.stdin.write(json.dumps({"path": str(path), "tool": tool}).encode() + b"\n")
            worker.stdin.flush()
            ready, _, _ = select.select([worker.stdout], [], [], self.seconds)
            if not ready:
                why = f"not done after {self.seconds:g} s{self._step()}"
                self.renew()
                return Result(Verdict.TIMED_OUT, why, seconds=self.seconds)
            answer = worker.stdout.readline()
        except BrokenPipeError:
            answer = b""
        if not answer.endswith(b"\n"):
            why = f"the process ended with {_named(worker.wait())}{self._step()}"
            self.renew()
            return Result(Verdict.CRASHED, why)
        return Result.read(json.loads(answer))

    def _start(self) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        self._worker = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.corpus_worker", str(self.memory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**environment, "OMP_NUM_THREADS": "1"},
            start_new_session=True,
        )
        return self._worker

    def renew(self) -> None:
        """End the worker and its child processes; the next file gets a new worker."""
        if self._worker is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._worker.pid, signal.SIGKILL)
        self._worker.communicate()
        self._worker = None

    def _step(self) -> str:
        """Return the last step that the worker named, to append to a reason; empty if it named none."""
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").splitlines()
        steps = [line.removeprefix(STEP) for line in lines if line.startswith(STEP)]
        return f" ({steps[-1]})" if steps else ""


def _named(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"code {code}"
