"""How a case is written, and what holds of every command that is given it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.hostile.cases import DONE, Case
from tests.hostile.watched import Ran

PEAK = 1 << 30
SECRET = b"nobody may read this"
SCRATCH = Path(tempfile.gettempdir()) / "rewriter-"


def write(case: Case, folder: Path) -> Path:
    """The file of a case, in a folder of its own, with a secret beside that."""
    for each in ("outside", "in", "out"):
        (folder / each).mkdir()
    (folder / "outside" / "secret.data").write_bytes(SECRET)
    case.beside(folder / "in")
    content = case.content()
    path = folder / "in" / "m.onnx"
    path.write_bytes(content if isinstance(content, bytes) else content.SerializeToString())
    return path


def judge(ran: Ran, code: int, words: str, path: Path) -> None:
    """What holds of every command; that it left with this code, and has these words in its line."""
    assert (ran.code, ran.err) == (code, "") if code == DONE else ran.code == code, ran
    judge_words(ran, path)
    if code != DONE:
        assert words in ran.err


def judge_words(ran: Ran, path: Path) -> None:
    """What holds of every command, however it left: little memory, a line at most where it was not done."""
    assert ran.peak < PEAK
    for text in (ran.out, ran.err):
        assert all(char.isprintable() or char == "\n" for char in text)
        assert "Traceback" not in text
    assert len(ran.err) < 2500
    if ran.code != DONE:
        assert ran.out == ""
        assert ran.err.startswith(f"rewriter: {path}: ")
        assert ran.err.count("\n") == 1


def judge_files(ran: Ran, folder: Path) -> None:
    """Nothing but the model, its data and the outputs."""
    secret = folder / "outside"
    reads = [Path(each) for each in ran.read if Path(each).is_relative_to(folder) and not Path(each).is_dir()]
    assert not [each for each in reads if each.is_relative_to(secret)]
    assert not [each for each in reads if each.resolve().is_relative_to(secret)]
    assert {each.parent.name for each in reads} <= {"in", "out"}
    changed = [Path(each) for each in ran.changed]
    elsewhere = [each for each in changed if not str(each).startswith(str(SCRATCH))]
    assert {each.parent for each in elsewhere if each != Path("/dev/null")} <= {folder / "out"}
