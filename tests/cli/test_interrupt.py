"""Ctrl-C at any moment: the folder holds nothing, or whole outputs; nothing else and nobody stays behind."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import onnx
import pytest

from rewriter.cli import main
from rewriter.model.storage import atomic_outputs
from tests.exports import EXPORTS
from tests.processes import PATIENCE, children_of_ours, wait_for

pytestmark = pytest.mark.usefixtures("interruptible")
MODEL = EXPORTS / "llama" / "ts.onnx"
BOTH = {"out.onnx", "out.modules.json"}
SPAN = 1.2
"""Seconds within which the interrupt comes: about a whole run. Whatever it meets, the same holds."""
TURNS = 25
OFTEN = [pytest.param(turn, marks=() if turn % 4 == 2 else pytest.mark.thorough) for turn in range(TURNS)]


class Command:
    """`rewriter rewrite` in a process of its own, which its descendants can be told by."""

    def __init__(self, folder: Path, before: str = "") -> None:
        self.scratch, self.out = folder / "scratch", folder / "out"
        self.scratch.mkdir()
        self.out.mkdir()
        self._mark = f"{folder.name}-{os.getpid()}-{time.monotonic_ns()}"
        words = ["rewrite", str(MODEL), "-o", str(self.out / "out.onnx")]
        code = f"import sys; {before}; from rewriter.cli import main; main(sys.argv[1:])"
        start = ["-c", code] if before else ["-m", "rewriter"]
        self.process = subprocess.Popen(
            [sys.executable, *start, *words],
            env={**os.environ, "REWRITER_TEST_MARK": self._mark, "TMPDIR": str(self.scratch)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def interrupt(self) -> str:
        """Interrupt it; what it says on stderr, once it is done."""
        self.process.send_signal(signal.SIGINT)
        return self.process.communicate(timeout=PATIENCE)[1]

    def left(self) -> set[str]:
        """Its outputs; they are whole, and nobody and nothing else stays behind."""
        found = {file.name for file in self.out.iterdir()}
        if found:
            onnx.checker.check_model(self.out / "out.onnx", full_check=True)
            json.loads((self.out / "out.modules.json").read_text())
        assert not [*self.scratch.glob("rewriter-*")]
        wait_for(lambda: not children_of_ours(f"REWRITER_TEST_MARK={self._mark}"))
        return found


@pytest.mark.skipif(sys.platform != "linux", reason="looks for left processes in /proc")
@pytest.mark.parametrize("turn", OFTEN)
def test_interrupted_at_any_moment(turn: int, tmp_path: Path) -> None:
    command = Command(tmp_path)
    time.sleep(SPAN * (turn + random.Random(turn).random()) / TURNS)
    err = command.interrupt()
    # Before Python has read a line of ours, it leaves with 1 and words of its own.
    starting = command.process.returncode == 1 and "KeyboardInterrupt" in err and "rewriter/" not in err
    assert starting or command.process.returncode in (0, 130, -signal.SIGINT), err
    left = command.left()
    assert left in (set(), BOTH)
    assert left or command.process.returncode != 0


@pytest.mark.skipif(sys.platform != "linux", reason="looks for left processes in /proc")
def test_an_interrupt_while_a_class_is_made_is_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Field:
        def __set_name__(self, owner: type, name: str) -> None:
            raise KeyboardInterrupt

    monkeypatch.setattr("rewriter.cli.cli.main", lambda *args, **words: type("Options", (), {"f": Field()}))
    with pytest.raises(SystemExit) as left:
        main(["tree", "model.onnx"])
    assert (left.value.code, capsys.readouterr().err) == (130, "rewriter: interrupted\n")


def test_what_was_started_to_ignore_interrupts_goes_on(tmp_path: Path) -> None:
    """As by `nohup ... &`."""
    command = Command(tmp_path, "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)")
    wait_for(lambda: [*command.scratch.glob("rewriter-*/stage")] or command.process.poll() is not None)
    assert command.interrupt() == ""
    assert command.process.returncode == 0
    assert command.left() == BOTH


def test_an_interrupt_between_two_renames_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    real = Path.replace

    def interrupted(self: Path, target: Path) -> Path:
        moved = real(self, target)
        signal.raise_signal(signal.SIGINT)
        return moved

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        atomic_outputs.write_atomically({first: b"1", second: b"2"})
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {"first": b"1", "second": b"2"}
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_before_the_renames_leaves_the_old_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "first").write_bytes(b"old")

    def interrupted(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        atomic_outputs.write_atomically({tmp_path / "first": b"1", tmp_path / "second": b"2"})
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {"first": b"old"}
