"""A failure is news where a package is newer than what was measured, and nowhere else."""

from __future__ import annotations

import pytest

from rewriter.basics.releases import numbers_of
from rewriter.insight.tools.examine import TOOLS
from tests import news

JUDGES = """
import pytest

@pytest.mark.tools("onnx")
def test_of_onnx():
    assert 1 == 2, "what was seen is seen no more"

def test_of_ours():
    assert {ours}
"""


def run(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, release: str, ours: bool
) -> pytest.RunResult:
    pytester.makepyfile(JUDGES.format(ours=ours))
    pytester.makeini("[pytest]\nmarkers =\n    tools(*packages): judges them\n")
    monkeypatch.setattr(news, "installed", lambda tool: release)
    return pytester.runpytest_inprocess("-p", "tests.news", "-q")


def test_newer_than_measured_is_news(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    done = run(pytester, monkeypatch, "99.0", ours=True)
    done.assert_outcomes(passed=2)
    done.stdout.fnmatch_lines(
        ["NEWS: test_of_onnx is no longer true in onnx 99.0: what was seen is seen no more*"]
    )


def test_within_what_was_measured_it_fails(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = run(pytester, monkeypatch, news.tool_of("onnx").measured[-1], ours=True)
    done.assert_outcomes(passed=1, failed=1)
    done.stdout.no_fnmatch_line("NEWS:*")


def test_faults_of_ours_fail_everywhere(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    run(pytester, monkeypatch, "99.0", ours=False).assert_outcomes(passed=1, failed=1)


def test_what_is_installed_against_what_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    newest = {tool.package: tool.measured[-1] for tool in TOOLS}
    monkeypatch.setattr(news, "installed", lambda tool: newest[tool.package])
    assert (news.newer(*newest), news.other(*newest)) == ([], [])
    newest["onnx"], newest["onnxslim"] = "99.0", "0.0.1"
    assert news.newer("onnx", "onnxslim", "onnxsim") == ["onnx 99.0"]
    assert news.other("onnx", "onnxslim", "onnxsim") == ["onnx 99.0", "onnxslim 0.0.1"]


def test_measured_versions_stand_in_order() -> None:
    for tool in TOOLS:
        assert list(tool.measured) == sorted(set(tool.measured), key=numbers_of)
