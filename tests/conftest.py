"""What a run of the tests did not test is said at its end, and what other packages do by now."""

from __future__ import annotations

from _pytest.terminal import TerminalReporter

import tests.drawn  # noqa: F401 - registers the profiles

pytest_plugins = ["pytester", "tests.forks", "tests.news", "tests.processes"]


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Name the reasons of what was skipped, however quiet the run."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons: dict[str, int] = {}
    for report in skipped:
        reason = str(report.longrepr[2]).removeprefix("Skipped: ")
        reasons[reason] = reasons.get(reason, 0) + 1
    for reason, count in sorted(reasons.items()):
        terminalreporter.write_line(f"NOT TESTED ({count}): {reason}", yellow=True)
