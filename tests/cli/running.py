"""The command line, run in this process."""

from __future__ import annotations

from pathlib import Path

import pytest

from rewriter.cli import main


def run(*words: str | Path) -> int:
    """The exit code of a command."""
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in words])
    assert isinstance(left.value.code, int)
    return left.value.code


def heard(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    """The exit code of a command, what it said on stdout, and on stderr."""
    code = run(*words)
    out, err = capsys.readouterr()
    return code, out, err
