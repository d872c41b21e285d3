"""`rewriter report` on the command line."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import webbrowser
from pathlib import Path

import pytest

from tests.cli.running import run
from tests.exports import EXPORTS

BERT = EXPORTS / "bert" / "dy.onnx"


def test_a_page_and_a_drawing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "report.html"
    assert run("report", BERT, "-o", page) == 0
    assert page.read_text("utf-8").startswith("<!DOCTYPE html>")
    assert capsys.readouterr().out.startswith("written")
    assert run("report", BERT) == 0
    assert capsys.readouterr().out == page.read_text("utf-8")  # the same model gives the same page
    assert run("report", BERT, "--svg", "--by", "nodes") == 0
    assert "by nodes: 83 nodes" in capsys.readouterr().out


def test_everything_at_once(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    assert run("report", BERT, BERT, "--verify", BERT, "--profile", "--by", "time", "-o", page) == 0
    html = page.read_text("utf-8")
    assert '"verdict":"equal"' in html
    assert '"by":"time"' in html
    assert '"equal":true' in html


def test_misuse(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = tmp_path / "bert.onnx"
    shutil.copy(BERT, copy)
    before = copy.read_bytes()
    assert run("report", copy, "-o", copy) == 2
    assert run("report", BERT, copy, "-o", copy, "--no-numbers") == 2
    assert run("report", BERT, "--verify", copy, "-o", copy) == 2
    assert copy.read_bytes() == before
    assert run("report", BERT, "--by", "time") == 2
    assert run("report", BERT, "--profile", "--profile-from", "x.json") == 2
    assert run("report", tmp_path / "none.onnx") == 3
    assert run("report", BERT, tmp_path / "none.onnx") == 3
    assert run("report", BERT, "-o", tmp_path / "none" / "report.html") == 2
    assert all(line.startswith("rewriter: ") for line in capsys.readouterr().err.splitlines())


def on_terminal(folder: Path, *words: object) -> tuple[int, str]:
    """Run a command with a terminal as stdout; return its exit code and what it printed."""
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "rewriter", *map(str, words)]
    done = subprocess.run(command, stdout=theirs, stderr=subprocess.STDOUT, cwd=folder, check=False)
    os.close(theirs)
    printed = os.read(ours, 1 << 16).decode()
    os.close(ours)
    return done.returncode, printed


def test_on_a_terminal_the_page_is_a_file_that_replaces_reports_alone(tmp_path: Path) -> None:
    page = tmp_path / "dy.html"
    for _ in range(2):  # the second run replaces the report of the first
        code, printed = on_terminal(tmp_path, "report", BERT)
        assert code == 0
        assert "written" in printed
        assert "dy.html" in printed
    assert page.read_text("utf-8").startswith("<!DOCTYPE html>")
    page.write_text("<!DOCTYPE html><title>diary</title>", "utf-8")
    code, printed = on_terminal(tmp_path, "report", BERT)
    assert code == 2
    assert "exists and is no report" in printed
    assert "diary" in page.read_text("utf-8")


def test_the_written_page_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    page = tmp_path / "a page.html"
    assert run("report", BERT, "--open", "-o", page) == 0
    assert opened == [page.as_uri()]
    assert run("report", BERT, "--open") == 2
    assert "name it with -o" in capsys.readouterr().err
