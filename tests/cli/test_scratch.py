"""No room for temporary files: one line that names TMPDIR, exit code 2, and nothing written."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from rewriter.cli import main
from rewriter.runtime.child import process
from tests.exports import EXPORTS

MODEL = EXPORTS / "module_dict" / "dy.onnx"


def run(*words: str | Path) -> int:
    with pytest.raises(SystemExit) as caught:
        main([str(word) for word in words])
    return int(caught.value.code or 0)


@pytest.fixture(params=["full", "gone"])
def reason(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """Why there is no room: the folder cannot be made, or vanishes."""

    def full(prefix: str) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    def gone(prefix: str) -> str:
        return str(tmp_path / "gone")

    monkeypatch.setattr(process, "mkdtemp", {"full": full, "gone": gone}[request.param])
    return "No space left on device" if request.param == "full" else "No such file or directory"


@pytest.mark.parametrize("verb", ["diff", "profile", "precision", "stats", "extract", "split"])
def test_no_room(verb: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more: dict[str, tuple[str | Path, ...]] = {
        "diff": (MODEL,),
        "extract": ("**", "-o", tmp_path / "part.onnx"),
        "split": ("--at", "blocks.dec", "-o", tmp_path / "parts"),
    }
    assert run(verb, MODEL, *more.get(verb, ())) == 2
    told = capsys.readouterr()
    assert told.err == (
        f"rewriter: temporary files cannot be written: {reason}; TMPDIR names the folder for them\n"
    )
    assert told.out == ""
    assert not [*tmp_path.iterdir()]


def test_verify_goes_on_without_numbers(reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("verify", MODEL, MODEL, "--numbers") == 5
    assert f"onnxruntime was not run: temporary files cannot be written: {reason}" in " ".join(
        capsys.readouterr().out.split()
    )
