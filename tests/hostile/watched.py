"""Runs `rewriter` in a process of its own and tells what it took and which files it touched.

`python -m tests.hostile.watched WORDS...` prints one line of JSON. An audit hook notes every file that Python
opens, renames, removes or makes. onnxruntime, which runs in another process, is not seen by it.
"""

from __future__ import annotations

import io
import json
import os
import resource
import signal
import sys
import tempfile
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any, NamedTuple

from tests import forks
from tests.processes import PATIENCE

LONGEST = 60
"""Seconds of the processor after which a command has not ended; each takes less than one."""

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = (
    "os.rename",
    "os.remove",
    "os.mkdir",
    "os.rmdir",
    "os.link",
    "os.symlink",
    "os.truncate",
    "os.chmod",
)
_IN_FOLDER = ("os.remove", "os.rmdir")
"""Changes that tell last in which open folder they happen."""


class Ran(NamedTuple):
    """What a command did: `peak` in bytes, files as absolute paths; one that does not end gets a signal."""

    code: int
    out: str
    err: str
    peak: int
    read: list[str]
    changed: list[str]


class Watch:
    """Runs commands, as tests see it.

    Args:
        environment: what is set for them.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = {**os.environ, **environment}

    def run(self, *words: str | Path) -> Ran:
        """Run `rewriter` with these words."""
        done = forks.run("-m", "tests.hostile.watched", *words, env=self._environment)
        if done.returncode:
            return Ran(done.returncode, done.stdout, done.stderr, 0, [], [])
        return Ran(*json.loads(done.stdout))


def _watch(words: list[str]) -> Ran:
    from rewriter.cli import main

    read: list[str] = []
    changed: list[str] = []

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and not isinstance(arguments[0], int):
            path = os.path.abspath(os.fsdecode(arguments[0]))  # noqa: PTH100 - resolving would follow links
            (changed if arguments[2] & _WRITES else read).append(path)
        elif event in _CHANGES:
            folders = [each for each in arguments if isinstance(each, int) and each >= 0]
            home = os.readlink(f"/proc/self/fd/{folders[-1]}") if folders and event in _IN_FOLDER else "."  # noqa: PTH115
            paths = [each for each in arguments if isinstance(each, str | bytes | os.PathLike)]
            changed.extend(os.path.abspath(os.path.join(home, os.fsdecode(each))) for each in paths)  # noqa: PTH100, PTH118

    tempfile.gettempdir()  # it makes a file to find out
    resource.setrlimit(resource.RLIMIT_CPU, (LONGEST, LONGEST))
    signal.alarm(int(PATIENCE))  # for one that waits
    sys.addaudithook(hear)
    out, err = io.StringIO(), io.StringIO()
    code: object = 70
    with redirect_stdout(out), redirect_stderr(err), suppress(BaseException):
        try:
            main(words)
        except SystemExit as left:
            code = left.code
    whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    peak = max(resource.getrusage(each).ru_maxrss for each in whose) * 1024
    assert isinstance(code, int)
    return Ran(code, out.getvalue(), err.getvalue(), peak, sorted(set(read)), sorted(set(changed)))


if __name__ == "__main__":
    print(json.dumps(_watch(sys.argv[1:])))
