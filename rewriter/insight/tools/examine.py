"""Finds the rules that apply to a file, and the installed versions of the tools."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from rewriter.basics.display import Display, counted
from rewriter.basics.nearest import fits_nothing
from rewriter.errors import UsageError
from rewriter.insight.tools import model_libraries, onnx_tools, optimisers, runtimes
from rewriter.insight.tools.facts import Facts
from rewriter.insight.tools.rule import Effect, Rule, Tool

RULES: tuple[Rule, ...] = (*runtimes.RULES, *onnx_tools.RULES, *optimisers.RULES, *model_libraries.RULES)
TOOLS: tuple[Tool, ...] = tuple(dict.fromkeys(rule.tool for rule in RULES))
NOT_MEASURED = ("TensorRT", "Netron")
"""Tools that users ask about, but whose effects were not measured, so that they have no rule."""

_WORST_FIRST = {effect: at for at, effect in enumerate(Effect)}


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that applies to a file.

    Attributes:
        rule: the rule.
        because: the facts of the file that trigger it.
        mend: the remedy, with the file name filled in.
    """

    rule: Rule
    because: str
    mend: str


@dataclass(frozen=True, slots=True, repr=False)
class Diagnosis(Display):
    """The effects of tools on a file.

    Attributes:
        facts: the facts of the file.
        tools: the requested tools, with the installed version; None if a tool is not installed.
        findings: the rules that apply, worst effect first, then by tool.
        path: the file; None for a model in memory.
    """

    facts: Facts
    tools: tuple[tuple[Tool, str | None], ...]
    findings: tuple[Finding, ...]
    path: Path | None = None

    def _brief(self) -> str:
        return f"{counted(len(self.findings), 'warning')} of {counted(len(self.tools), 'tool')}"


def examine(facts: Facts, path: Path | None = None, tools: Sequence[str] = ()) -> Diagnosis:
    """Find the effects of tools on a file.

    Args:
        facts: the facts of the file.
        path: the file, to be named in remedies.
        tools: globs over names of tools and packages; all tools if empty. The rules of the installed
            version of a tool apply; of a tool that is not installed, those of its newest measured version.

    Raises:
        UsageError: a glob matches no tool.
    """
    versions = {tool: installed(tool) for tool in _chosen(tools)}
    findings = [
        Finding(rule, because, _mend(rule, facts, path))
        for rule in RULES
        if rule.tool in versions and rule.holds_for(versions[rule.tool]) and (because := rule.because(facts))
    ]
    findings.sort(key=lambda finding: _WORST_FIRST[finding.rule.effect])
    return Diagnosis(facts, tuple(versions.items()), tuple(findings), path)


def installed(tool: Tool) -> str | None:
    """Return the installed version of a tool, without importing it; None if it is not installed."""
    try:
        return version(tool.package)
    except PackageNotFoundError:
        return None


def _chosen(globs: Sequence[str]) -> tuple[Tool, ...]:
    for glob in globs:
        if not any(_fits(tool, glob) for tool in TOOLS):
            known = [name for tool in TOOLS for name in dict.fromkeys((tool.name, tool.package))]
            raise UsageError(f"{fits_nothing('tool', glob, known)}; other tools were not measured")
    return tuple(tool for tool in TOOLS if not globs or any(_fits(tool, glob) for glob in globs))


def _fits(tool: Tool, glob: str) -> bool:
    return any(fnmatchcase(name.lower(), glob.lower()) for name in (tool.name, tool.package))


def _mend(rule: Rule, facts: Facts, path: Path | None) -> str:
    foreign = " --foreign" if facts.foreign else ""
    name, stem = (str(path), str(path.with_suffix(""))) if path else ("MODEL", "MODEL")
    return rule.mend.format(model=shlex.quote(name), stem=shlex.quote(stem), foreign=foreign)
