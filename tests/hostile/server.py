"""Runs commands, each in a forked child of its own, and tells what each took and which files it touched.

`python -m tests.hostile.server` reads one JSON list of words per line and answers with one JSON line. Python
and the libraries are loaded once; a fork is measured alone. An audit hook in the child notes every file that
Python opens, renames, removes or makes. onnxruntime, which runs in a process of its own, is not seen by it.
"""

from __future__ import annotations

import io
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any, NamedTuple

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


class Server:
    """The process, as tests see it."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.hostile.server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **environment},
        )

    def run(self, *words: str | Path) -> Ran:
        """Run `rewriter` with these words."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps([str(word) for word in words]).encode() + b"\n")
        self._process.stdin.flush()
        return Ran(*json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        """End the process."""
        self._process.communicate(timeout=PATIENCE)


def _serve() -> None:
    _load()
    for line in sys.stdin:
        with tempfile.TemporaryFile() as answer:
            child = os.fork()
            if not child:
                _child(json.loads(line), answer.fileno())
            _, status, usage = os.wait4(child, 0)
            answer.seek(0)
            told = json.loads(answer.read() or b'[70, "", "no answer", [], []]')
            code = os.waitstatus_to_exitcode(status) or told[0]
            # The usage of a child counts the largest of its own children as well.
            print(json.dumps([code, *told[1:3], usage.ru_maxrss * 1024, *told[3:]]), flush=True)


def _load() -> None:
    """Load what the verbs load, once for every fork: each runs on a model of one node."""
    from rewriter.cli import main
    from tests.build import chain

    with tempfile.TemporaryDirectory() as folder, redirect_stdout(io.StringIO()):
        model = Path(folder) / "m.onnx"
        model.write_bytes(chain("/a/Relu").SerializeToString())
        for verb, *options in (
            *(["tree"], ["doctor"], ["stats"], ["select", "**", "--format", "json"], ["explain", "/a/Relu"]),
            *(["report", "-o", f"{folder}/m.html"], ["report", "--svg", "-o", f"{folder}/m.svg"]),
            *(["export", "--format", each, "-o", f"{folder}/m.out"] for each in ("csv", "dot", "speedscope")),
            ["rewrite", "-o", f"{folder}/a.onnx", "--functions", "shared", "--no-numbers"],
            ["flatten", "-o", f"{folder}/f.onnx", "--no-numbers"],
            *(["verify", str(model), "--no-numbers"], ["diff", str(model), "--no-numbers"]),
            ["extract", "a", "-o", f"{folder}/e.onnx", "--no-numbers"],
        ):
            with suppress(SystemExit):
                main([verb, str(model), *options])


def _child(words: list[str], answer: int) -> None:
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
    told = json.dumps([code, out.getvalue(), err.getvalue(), sorted(set(read)), sorted(set(changed))])
    os.write(answer, told.encode())
    os._exit(0)


if __name__ == "__main__":
    _serve()
