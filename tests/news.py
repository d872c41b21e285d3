"""What other packages do was measured; where a newer version does otherwise, that is news and no fault.

A test that judges what packages do names them: `@pytest.mark.tools("onnxslim")`. It fails like any other
within the versions that the doctor's rules were measured with. Where one of its packages is newer, a failure
passes as news, and the end of the run says so. `news` tells something else there.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from _pytest.terminal import TerminalReporter

from rewriter.insight.tools.examine import TOOLS, installed
from rewriter.insight.tools.rule import Tool

_NEWS = "news"
_BY_PACKAGE = {tool.package: tool for tool in TOOLS}


def tool_of(package: str) -> Tool:
    """The tool whose versions were measured.

    Raises:
        KeyError: the doctor has no rule about the package.
    """
    return _BY_PACKAGE[package]


def other(*packages: str) -> list[str]:
    """Packages that are not the newest here that was measured, each with its version."""
    found = {package: installed(tool_of(package)) for package in packages}
    return [f"{name} {found[name]}" for name in found if found[name] != tool_of(name).measured[-1]]


def newer(*packages: str) -> list[str]:
    """Packages that are newer here than all that was measured, each with its version."""
    found = {package: installed(tool_of(package)) for package in packages}
    return [
        f"{name} {version}" for name, version in found.items() if tool_of(name).newer_than_measured(version)
    ]


def news(node: pytest.Item, text: str) -> None:
    """Say something at the end of the run that is no fault."""
    node.user_properties.append((_NEWS, text))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Pass a failure as news where a package is newer than what was measured."""
    outcome = yield
    report: pytest.TestReport = outcome.get_result()  # type: ignore[attr-defined]
    marker = item.get_closest_marker("tools")
    if marker is None or not report.failed or not (found := newer(*marker.args)):
        return
    reason = str(call.excinfo.value).partition("\n")[0] if call.excinfo else report.when
    report.user_properties.append((_NEWS, f"{item.name} is no longer true in {', '.join(found)}: {reason}"))
    report.outcome, report.longrepr = "passed", None


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Print the news, however quiet the run."""
    reports = (each for found in terminalreporter.stats.values() for each in found)
    told = [
        text
        for report in reports
        if isinstance(report, pytest.TestReport)
        for name, text in report.user_properties
        if name == _NEWS
    ]
    for text in sorted(dict.fromkeys(map(str, told))):
        terminalreporter.write_line(f"NEWS: {text}", yellow=True)
