"""Starts a child, watches its time and memory, and ends it.

Weights are mapped into memory privately, so a limit on address space or data (RLIMIT_AS, RLIMIT_DATA) would
refuse large models that run well. Instead, on Linux, the parent watches the memory of the child that is not
mapped from files, and ends a child that exceeds `limits`. There, the child also asks to be killed first if
memory runs out.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from rewriter.errors import NoScratch
from rewriter.runtime.child.job import SCRATCH, STDERR, Cause, Ended
from rewriter.runtime.child_limits import THREADS, current, own_memory, size_text

_LOOK = 0.02
"""Seconds between two checks of a child's memory; the child can allocate some 100 MB in that time."""


@contextmanager
def scratch() -> Iterator[Path]:
    """Yield a temporary folder, removed at the end even if Ctrl-C interrupts the removal.

    Raises:
        NoScratch: the folder cannot be made, or an OSError ends the block, for example on a full disk.
    """
    try:
        folder = Path(mkdtemp(prefix=SCRATCH))
    except OSError as error:
        raise NoScratch(error) from None
    try:
        yield folder
    except OSError as error:
        raise NoScratch(error) from None
    finally:
        try:
            shutil.rmtree(folder, ignore_errors=True)
        except KeyboardInterrupt:
            shutil.rmtree(folder, ignore_errors=True)
            raise


def in_child(task: str, folder: Path, timeout: float) -> int | Ended:
    """Do the job in a folder within the limits.

    Args:
        task: `module:function`.
        folder: the folder of the job.
        timeout: seconds.

    Returns:
        The exit code, negative for a signal; or `Ended` if the child exceeded a limit.
    """
    # -P keeps the working directory, which may hold any files, off the child's module path.
    command = [sys.executable, "-P", "-m", "rewriter.runtime.child", task, str(folder)]
    limits = current()
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        THREADS: str(limits.threads),
        # Otherwise, onnxruntime 1.31 keeps a database of counters in the user's cache folder.
        "ORT_DISABLE_TELEMETRY": "1",
    }
    with (folder / STDERR).open("wb") as errors:
        child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,  # never written to; the child reads the end of file when the parent ends
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env=environment,
            start_new_session=True,  # Ctrl-C reaches only the parent, which ends the child
        )
        try:
            reason = _wait(child, timeout, limits.memory)
            return child.returncode if reason is None else Ended(reason, Cause.LIMIT)
        finally:
            child.kill()
            child.wait()
            if child.stdin is not None:
                child.stdin.close()


def _wait(child: subprocess.Popen[bytes], timeout: float, memory: int) -> str | None:
    """Wait until the child is done; return the reason if it must be ended."""
    limit = time.monotonic() + timeout
    while (left := limit - time.monotonic()) > 0:
        try:
            child.wait(min(left, _LOOK))
        except subprocess.TimeoutExpired:
            if own_memory(child.pid) > memory:
                return f"ran out of memory: it took more than {size_text(memory)}; --memory gives it more"
        else:
            return None
    return f"timed out: not done after {timeout:g} s; --timeout gives it longer"
