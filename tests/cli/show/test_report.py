"""`rewriter report` on the command line."""

from __future__ import annotations

import shutil
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
