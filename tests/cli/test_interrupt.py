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

from rewriter.model import outputs
from tests.exports import EXPORTS

MODEL = EXPORTS / "llama" / "ts.onnx"
BOTH = {"out.onnx", "out.modules.json"}
SPAN = 1.2
"""Seconds within which the interrupt comes; a whole run takes about one."""


def children_of_ours(mark: str) -> list[int]:
    """Processes that carry `mark` in their environment."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (folder / "environ").read_bytes():
                found.append(int(folder.name))
        except OSError:  # gone meanwhile, or not ours
            continue
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="looks for left processes in /proc")
@pytest.mark.parametrize("turn", range(25))
def test_interrupted_at_any_moment(turn: int, tmp_path: Path) -> None:
    mark = f"REWRITER_TEST_MARK={tmp_path.name}-{os.getpid()}-{turn}"
    scratch = tmp_path / "scratch"
    out = tmp_path / "out"
    scratch.mkdir()
    out.mkdir()
    name, _, value = mark.partition("=")
    process = subprocess.Popen(
        [sys.executable, "-m", "rewriter", "rewrite", str(MODEL), "-o", str(out / "out.onnx")],
        env={**os.environ, name: value, "TMPDIR": str(scratch)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    time.sleep(SPAN * (turn + random.Random(turn).random()) / 25)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    # Before Python has read a line of ours, it leaves with 1 and words of its own.
    starting = process.returncode == 1 and "Could not import runpy" in err
    assert starting or process.returncode in (0, 130, -signal.SIGINT), err
    left = {file.name for file in out.iterdir()}
    assert left in (set(), BOTH)
    if left:
        onnx.checker.check_model(out / "out.onnx", full_check=True)
        json.loads((out / "out.modules.json").read_text())
    else:
        assert process.returncode != 0
    assert not [*scratch.glob("rewriter-*")]
    deadline = time.monotonic() + 5
    while (alive := children_of_ours(mark)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive


def test_an_interrupt_between_two_renames_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    real = Path.replace

    def interrupted(self: Path, target: Path) -> Path:
        moved = real(self, target)
        signal.raise_signal(signal.SIGINT)
        return moved

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        outputs.write_atomically({first: b"1", second: b"2"})
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
        outputs.write_atomically({tmp_path / "first": b"1", tmp_path / "second": b"2"})
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {"first": b"old"}
