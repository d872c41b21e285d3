"""Prints the effects of tools on a file in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from rewriter.insight.tools.examine import NOT_MEASURED, Diagnosis, Finding
from rewriter.insight.tools.facts import Facts
from rewriter.insight.tools.rule import Effect, Tool, counted
from rewriter.views.text.parts import flow, signs

_STYLES = {
    Effect.REFUSES: "bold red",
    Effect.BREAKS: "bold red",
    Effect.DROPS: "yellow",
    Effect.SKIPS: "yellow",
}


def print_diagnosis(diagnosis: Diagnosis, console: Console) -> None:
    """Print the effects of tools on a file, tool by tool, the tool with the worst effect first.

    Args:
        diagnosis: the effects.
        console: the console.
    """
    name = diagnosis.path.name if diagnosis.path else "(model in memory)"
    flow(console, [name, *_phrases(diagnosis.facts)], "bold")
    numbers = {mend: at for at, mend in enumerate(dict.fromkeys(f.mend for f in diagnosis.findings), 1)}
    installed = dict(diagnosis.tools)
    for tool, findings in _by_tool(diagnosis.findings).items():
        console.print()
        flow(console, [tool.name, _versions(tool, installed[tool])], "bold")
        for finding in findings:
            _print_finding(finding, numbers[finding.mend], console)
    console.print()
    for mend, number in numbers.items():  # findings share remedies, so each remedy is printed once
        flow(console, [mend], "green", label=f"mend {number}")
    _print_end(diagnosis, console)


def _by_tool(findings: Sequence[Finding]) -> dict[Tool, list[Finding]]:
    """Return tool -> its effects, worst first; tools are ordered by their worst effect."""
    found: dict[Tool, list[Finding]] = {}
    for finding in findings:
        found.setdefault(finding.rule.tool, []).append(finding)
    return found


def _print_finding(finding: Finding, number: int, console: Console) -> None:
    effect = finding.rule.effect
    text = f"{finding.because}: {finding.rule.consequence} (mend {number})"
    flow(console, [text], _STYLES.get(effect, ""), label=f"  {effect}")


def _print_end(diagnosis: Diagnosis, console: Console) -> None:
    warned = {finding.rule.tool for finding in diagnosis.findings}
    silent = [tool.name for tool, _ in diagnosis.tools if tool not in warned]
    if not warned:
        flow(console, [f"{signs(console).yes} no warning of {counted(len(silent), 'tool')}"], "green")
    if silent:
        flow(console, silent, label="no fault")
    flow(console, NOT_MEASURED, "dim", label="unknown")


def _versions(tool: Tool, installed: str | None) -> str:
    first, last = tool.measured[0], tool.measured[-1]
    measured = f"measured with {last}" if first == last else f"measured with {first} to {last}"
    if tool.newer_than_measured(installed):
        return f"measured up to {last}, {installed} is installed here"
    if installed is None:
        return f"{measured}, not installed here"
    return measured if installed in tool.measured else f"{measured}, {installed} is installed here"


def _phrases(facts: Facts) -> list[str]:
    return [
        counted(facts.nodes, "node"),
        counted(facts.functions, "function"),
        *([f"{facts.depth} deep"] if facts.depth else []),
        f"IR {facts.ir_version}",
        f"opset {facts.opset}",
        *(
            [counted(facts.external, "file of external data", "files of external data")]
            if facts.external
            else []
        ),
    ]
