"""Python processes that begin as forks of one that has loaded everything: the tests start many hundreds.

A fork is a process of its own, with its files, its environment and its exit code. It is spared half a second
of the processor in which Python, numpy, onnx and onnxruntime are loaded. `python -m tests.forks` is the
process that is forked; it begins when it is first asked for, and ends with the one that began it. How
processes begin, end and are interrupted is tested with real ones: nothing is forked where
`processes_are_real`.

Linux alone has what this needs; elsewhere, and with `REWRITER_REAL_PROCESSES=1`, every process is real.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.util
import io
import json
import os
import pkgutil
import selectors
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import traceback
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NoReturn

import pytest

from rewriter.runtime.child import process

ADDRESS = "REWRITER_TEST_FORKS"
"""In the environment: the socket of the server, for scripts and for forks that fork."""
AVAILABLE = sys.platform == "linux" and not os.environ.get("REWRITER_REAL_PROCESSES")
ROOT = Path(__file__).resolve().parent.parent
_LOADED = ("onnx.checker", "onnx.shape_inference", "onnx.reference", "onnxruntime.quantization", "rewriter")
_CLIENT = """#!{python} -ISE
import json, os, socket, struct, sys
request = {{"words": {words} + sys.argv[1:], "cwd": os.getcwd(), "environment": dict(os.environ)}}
with socket.socket(socket.AF_UNIX) as server:
    server.connect("{address}")
    data = json.dumps(request).encode()
    socket.send_fds(server, [struct.pack("<I", len(data))], [0, 1, 2])
    server.sendall(data)
    server.recv(4, socket.MSG_WAITALL)
    (code,) = struct.unpack("<i", server.recv(4, socket.MSG_WAITALL))
sys.exit(code if code >= 0 else 128 - code)
"""


class Fork:
    """A process, used like `subprocess.Popen`: the words are those of `sys.executable`.

    Args:
        command: Python, perhaps `-P`, then `-m module`, `-c code` or a file, and words for it.
        stdin: `subprocess.PIPE` or `DEVNULL`.
        stdout: a file, its number, or `DEVNULL`.
        stderr: the same.
        env: the environment; this process's where None.
        cwd: where it runs; here where None.
        start_new_session: whether what a terminal sends does not reach it.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        stdin: int = subprocess.DEVNULL,
        stdout: int | IO[Any] = subprocess.DEVNULL,
        stderr: int | IO[Any] = subprocess.DEVNULL,
        env: Mapping[str, str] | None = None,
        cwd: str | Path | None = None,
        start_new_session: bool = False,
    ) -> None:
        self.args = command
        self.returncode: int | None = None
        self.stdin: IO[bytes] | None = None
        request = {
            "words": list(command[1:]),
            "cwd": str(cwd or Path.cwd()),
            "environment": dict(os.environ if env is None else env),
            "session": start_new_session,
        }
        with contextlib.ExitStack() as stack:
            if stdin == subprocess.PIPE:
                read, write = os.pipe()
                stack.callback(os.close, read)
                self.stdin = os.fdopen(write, "wb")
            else:
                read = stack.enter_context(Path(os.devnull).open("rb")).fileno()
            sinks = [self._number(each, stack) for each in (stdout, stderr)]
            self._server = socket.socket(socket.AF_UNIX)
            self._server.connect(address())
            data = json.dumps(request).encode()
            socket.send_fds(self._server, [struct.pack("<I", len(data))], [read, *sinks])
            self._server.sendall(data)
        self.pid: int = struct.unpack("<I", self._server.recv(4, socket.MSG_WAITALL))[0]

    @staticmethod
    def _number(sink: int | IO[Any], stack: contextlib.ExitStack) -> int:
        if sink == subprocess.DEVNULL:
            return stack.enter_context(Path(os.devnull).open("wb")).fileno()
        return sink if isinstance(sink, int) else sink.fileno()

    def poll(self) -> int | None:
        """Its exit code, the number of a signal below 0, or None while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The same, once it has ended.

        Raises:
            TimeoutExpired: it has not, after so many seconds.
        """
        if self.returncode is None:
            self._server.settimeout(timeout)
            try:
                answer = self._server.recv(4, socket.MSG_WAITALL)
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired(self.args, timeout or 0) from None
            self.returncode = struct.unpack("<i", answer)[0]
            self._server.close()
        return self.returncode

    def kill(self) -> None:
        """End it."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


def run(
    *words: str | Path, cwd: str | Path | None = None, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """What `subprocess.run` gives for Python with these words, its text captured."""
    command = [sys.executable, *map(str, words)]
    if not AVAILABLE:
        return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        code = Fork(command, stdout=out, stderr=err, env=env, cwd=cwd).wait()
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read())
    return subprocess.CompletedProcess(command, code, *texts)


def program(path: Path, *words: str) -> None:
    """Write a program that is Python with these words in front of its own, such as `-m rewriter`."""
    text = f'#!/bin/sh\nexec "{sys.executable}" {" ".join(words)} "$@"\n'
    if AVAILABLE:
        text = _CLIENT.format(python=sys.executable, words=list(words), address=address())
    path.write_text(text, "utf-8")
    path.chmod(0o755)


_started: dict[int, tuple[str, subprocess.Popen[bytes]]] = {}
"""Process -> the server that it began."""


def address() -> str:
    """The socket of the server, which is begun where there is none."""
    if inherited := os.environ.get(ADDRESS):
        return inherited
    if os.getpid() not in _started:
        path = f"{tempfile.mkdtemp(prefix='forks-')}/socket"
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "ORT_DISABLE_TELEMETRY": "1"}
        server = subprocess.Popen(
            [sys.executable, "-P", "-m", "tests.forks", path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )
        assert server.stdout is not None
        server.stdout.readline()  # it listens
        _started[os.getpid()] = (path, server)
    return _started[os.getpid()][0]


def pytest_sessionfinish() -> None:
    """End the server."""
    for _, server in _started.values():
        assert server.stdin is not None
        server.stdin.close()
        server.wait()
    _started.clear()


def fork_children() -> None:
    """Let `rewriter` begin the processes that run models as forks."""
    names = ("PIPE", "DEVNULL", "TimeoutExpired")
    forking = types.SimpleNamespace(Popen=Fork, **{name: getattr(subprocess, name) for name in names})
    vars(process)["subprocess"] = forking


def pytest_configure() -> None:
    """Fork in this run."""
    if AVAILABLE:
        fork_children()


@pytest.fixture
def processes_are_real() -> Iterator[None]:
    """Let `rewriter` begin the processes that run models as it does."""
    forking = vars(process)["subprocess"]
    vars(process)["subprocess"] = subprocess
    yield
    vars(process)["subprocess"] = forking


def _serve(path: str) -> None:
    """Load all, then fork for whoever asks, until the one that began this process is gone."""
    _load()
    fork_children()
    os.environ[ADDRESS] = path
    gc.freeze()  # a fork shares what nobody touches
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(64)
    print("ready", flush=True)
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ, lambda: _begin(listener, selector))
        selector.register(0, selectors.EVENT_READ, lambda: _leave(path))
        while True:
            for key, _ in selector.select():
                key.data()


def _leave(path: str) -> NoReturn:
    with contextlib.suppress(OSError):
        Path(path).unlink()
        Path(path).parent.rmdir()
    os._exit(0)


def _begin(listener: socket.socket, selector: selectors.BaseSelector) -> None:
    """Fork for a request, and tell the one who made it the process, and later its exit code."""
    asker, _ = listener.accept()
    head, files, _, _ = socket.recv_fds(asker, 4, 3)
    request = json.loads(asker.recv(struct.unpack("<I", head)[0], socket.MSG_WAITALL))
    child = os.fork()
    if not child:
        selector.close()
        listener.close()
        asker.close()
        _become(request, files)
    for file in files:
        os.close(file)
    asker.sendall(struct.pack("<I", child))
    ended = os.pidfd_open(child)

    def tell() -> None:
        selector.unregister(ended)
        os.close(ended)
        _, status = os.waitpid(child, 0)
        with contextlib.suppress(OSError), asker:  # the one who asked may be gone
            asker.sendall(struct.pack("<i", os.waitstatus_to_exitcode(status)))

    selector.register(ended, selectors.EVENT_READ, tell)


def _become(request: dict[str, Any], files: Sequence[int]) -> NoReturn:
    """In the fork: be the process that was asked for."""
    code = 1
    try:
        for number, file in enumerate(files):
            os.dup2(file, number)
            os.close(file)
        if request.get("session"):
            os.setsid()
        os.chdir(request["cwd"])
        address = os.environ[ADDRESS]
        os.environ.clear()
        os.environ.update(request["environment"] | {ADDRESS: address})
        tempfile.tempdir = None  # the environment may say another
        encoding = os.environ.get("PYTHONIOENCODING", "utf-8")
        sys.stdin = io.TextIOWrapper(io.FileIO(0, closefd=False), encoding)
        sys.stdout = io.TextIOWrapper(io.BufferedWriter(io.FileIO(1, "w", closefd=False)), encoding)
        errors = io.BufferedWriter(io.FileIO(2, "w", closefd=False))
        sys.stderr = io.TextIOWrapper(errors, encoding, "backslashreplace", line_buffering=True)
        sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr  # type: ignore[misc]
        code = _exit_code(lambda: _main(request["words"]))
    finally:
        os._exit(code)


def _main(words: list[str]) -> None:
    """What Python does with its words."""
    here = [""]
    if words[0] == "-P":
        here, words = [], words[1:]
    stated = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    own = [path for path in sys.path if path not in ("", str(ROOT))]
    sys.path[:] = [*here, *stated, *own]
    importlib.invalidate_caches()
    main = types.ModuleType("__main__")
    sys.modules["__main__"] = main
    if words[0] == "-c":
        sys.argv[:] = ["-c", *words[2:]]
        exec(compile(words[1], "<string>", "exec"), vars(main))
        return
    if words[0] == "-m":
        spec = importlib.util.find_spec(words[1])
        if spec is not None and spec.submodule_search_locations is not None:
            spec = importlib.util.find_spec(f"{words[1]}.__main__")
        if spec is None:
            sys.exit(f"{sys.executable}: No module named {words[1]}")
        main.__spec__, main.__package__, main.__file__ = spec, spec.parent, spec.origin
        sys.argv[:] = [str(spec.origin), *words[2:]]
        code = spec.loader.get_code(spec.name)  # type: ignore[union-attr]
    else:
        main.__file__ = words[0]
        sys.argv[:] = words
        sys.path.insert(0, str(Path(words[0]).parent))
        code = compile(Path(words[0]).read_text("utf-8"), words[0], "exec")
    exec(code, vars(main))


def _exit_code(run: Callable[[], None]) -> int:
    """Run to the end, as the interpreter does."""
    code = 0
    try:
        run()
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else int(left.code is not None)
        if isinstance(left.code, str):
            print(left.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        code = 1
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # its reader is gone
            code = code or 120
        except ValueError:  # it was closed
            continue
    return code


def _load() -> None:
    """Load what processes load."""
    for name in _LOADED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    import rewriter
    from rewriter.errors import NoRuntime

    for found in pkgutil.walk_packages(rewriter.__path__, "rewriter.", onerror=lambda name: None):
        if not found.name.endswith("__main__"):
            with contextlib.suppress(ImportError, NoRuntime):
                importlib.import_module(found.name)


if __name__ == "__main__":
    _serve(sys.argv[1])
