"""Writes the table of docs/doctor.md from the rules: python -m docs.doctor_table."""

from __future__ import annotations

import re
from pathlib import Path

from rewriter.insight.tools.examine import NOT_MEASURED, RULES, TOOLS
from rewriter.insight.tools.facts import Facts
from rewriter.insight.tools.rule import Effect, Rule, Tool

PAGE = Path(__file__).parent / "doctor.md"
BEGIN, END = "<!-- rules -->\n", "<!-- end of rules -->\n"
EVERYTHING = Facts(**dict.fromkeys(Facts().as_dict(), 10**6) | {"nodes": 1, "data_bytes": 10**12})


WORDS = {
    "onnxruntime/ir-version": "newer IR versions",
    "onnxruntime/opset": "newer opsets",
    "onnxsim/ir-version": "newer IR versions",
    "onnx/checker-functions": "more functions",
    "onnx/inliner-growth": "functions that come to ten times the nodes",
}
"""What rules go by that say a figure of the file."""


def table() -> str:
    """All rules, tool by tool, worst first."""
    lines = ["| tool, measured with | effect | of a file with | what happens |", "|---|---|---|---|"]
    worst = list(Effect)
    for tool in TOOLS:
        rules = sorted((r for r in RULES if r.tool is tool), key=lambda rule: worst.index(rule.effect))
        for rule in rules:
            title = f"**{tool.name}** {_measured(tool)}" if rule is rules[0] else ""
            lines.append(f"| {title} | {rule.effect}{_span(rule)} | {_of(rule)} | {rule.consequence} |")
    return "\n".join([*lines, "", f"Not measured: {', '.join(NOT_MEASURED)}.", ""])


def _measured(tool: Tool) -> str:
    return " to ".join(dict.fromkeys((tool.measured[0], tool.measured[-1])))


def _span(rule: Rule) -> str:
    """The versions that a rule holds for, where not for all."""
    ends = [f"from {rule.since}"] if rule.since else []
    ends += [f"before {rule.before}"] if rule.before else []
    return f" ({', '.join(ends)})" if ends else ""


def _of(rule: Rule) -> str:
    """What a rule goes by, without the figures of this or that file."""
    if rule.name in WORDS:
        return WORDS[rule.name]
    words = rule.because(EVERYTHING).replace("1,000,000,000,000", "over 2^31")
    return re.sub(r"\b\d,000,000 ", "", words)


def refreshed(page: str) -> str:
    """The page with the table as the rules have it now."""
    before, _, rest = page.partition(BEGIN)
    return before + BEGIN + "\n" + table() + "\n" + END + rest.partition(END)[2]


if __name__ == "__main__":
    PAGE.write_text(refreshed(PAGE.read_text("utf-8")), "utf-8")
