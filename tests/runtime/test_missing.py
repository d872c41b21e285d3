"""onnxruntime that is not there, does not import or ends the process: it is named, and no file is blamed."""

from __future__ import annotations

from pathlib import Path

import pytest

import rewriter
from rewriter import pipeline
from rewriter.errors import NoRuntime, NotProved
from rewriter.verdict.verification import Verdict
from tests.cli.running import heard
from tests.exports import EXPORTS

BERT = EXPORTS / "bert" / "dy.onnx"
ABSENT = "onnxruntime is not installed: pip install onnxruntime"
BROKEN = (
    "onnxruntime does not import (ImportError: libfoo.so: no such file): pip install --force-reinstall "
    "onnxruntime"
)
SILENT = "the process for onnxruntime ended without a result"
CODE = {
    ABSENT: "raise ModuleNotFoundError(\"No module named 'onnxruntime'\", name='onnxruntime')",
    BROKEN: "raise ImportError('libfoo.so: no such file')",
    SILENT: "import os; os._exit(0)",
    "onnxruntime crashed (signal 4, SIGILL)": "import os, signal; os.kill(os.getpid(), signal.SIGILL)",
}


@pytest.fixture
def instead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes_are_real: None) -> Path:
    """What children import for onnxruntime; write code to it."""
    package = tmp_path / "site" / "onnxruntime"
    package.mkdir(parents=True)
    monkeypatch.syspath_prepend(str(package.parent))
    return package / "__init__.py"


@pytest.mark.parametrize("says", CODE)
def test_numbers_are_not_taken_and_the_reason_is_told(says: str, instead: Path) -> None:
    instead.write_text(CODE[says])
    found = rewriter.verify(BERT, BERT, numbers=True)
    assert found.numeric is not None
    assert (found.numeric.skipped, found.numeric.error) == (says, None)
    assert (found.verdict, found.missing) == (Verdict.EQUAL, says)


@pytest.mark.parametrize("says", [ABSENT, BROKEN])
def test_a_verb_that_needs_it_names_it_and_no_file(
    says: str, instead: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    instead.write_text(CODE[says])
    assert heard(capsys, "profile", BERT) == (2, "", f"rewriter: {says}\n")
    with pytest.raises(NoRuntime, match="onnxruntime"):
        pipeline.profile(BERT)


@pytest.mark.parametrize("says", [ABSENT, SILENT])
def test_a_piece_that_was_not_loaded_has_no_check_mark(
    says: str, instead: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    instead.write_text(CODE[says])
    out = tmp_path / "piece.onnx"
    code, said, err = heard(capsys, "extract", BERT, "model.pooler", "-o", out)
    assert (code, said, out.exists()) == (5, "", False)
    assert err.endswith(f"model.pooler: not proved: not even loaded: {says}; nothing was written\n")
    with pytest.raises(NotProved, match="not even loaded"):
        rewriter.split(BERT, "model.pooler", numbers=False)


def test_a_comparison_says_that_it_has_no_numbers(instead: Path, capsys: pytest.CaptureFixture[str]) -> None:
    instead.write_text(CODE[ABSENT])
    _, said, _ = heard(capsys, "diff", BERT, BERT)
    assert said.splitlines()[0] == f"✓ no module differs, and no numbers were taken: {ABSENT}"
