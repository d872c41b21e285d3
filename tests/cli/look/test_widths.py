"""Lines in a pipe are as long as they need; COLUMNS sets a width."""

from __future__ import annotations

import pytest

from tests.cli.running import run
from tests.exports import EXPORTS

BERT = EXPORTS / "bert" / "ts.onnx"


@pytest.mark.parametrize("verb", ["tree", "stats"])
def test_a_pipe_gets_whole_names(
    verb: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert run(verb, BERT) in (0, None)
    text = capsys.readouterr().out
    assert "…" not in text.split("\n\n", 1)[-1]
    assert (
        max(map(len, text.split("\n\n", 1)[0].splitlines())) <= 80
    )  # running text keeps the width of a page
    monkeypatch.setenv("COLUMNS", "40")
    assert run(verb, BERT) in (0, None)
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 40


def test_a_diff_wraps_running_text_at_a_page(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    run("diff", BERT, EXPORTS / "bert" / "dy.onnx", "--no-numbers")
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
