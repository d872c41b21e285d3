"""Effects of tools on a file, as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal, TypedDict

from rewriter.insight.tools.examine import NOT_MEASURED, Diagnosis
from rewriter.insight.tools.facts import Facts
from rewriter.insight.tools.rule import Effect
from rewriter.views.escape import as_text
from rewriter.views.json.types import FieldsOf, Keywords

DOCTOR: Final = "rewriter.doctor/1"


class DoctorToolJson(TypedDict):
    """One tool.

    Attributes:
        package: Name of the distribution of the tool.
        measured: Versions with which the rules of the tool were confirmed, oldest first.
        installed: Installed version; null if the tool is not installed.
        newer_than_measured: Whether the installed version is newer than all measured versions.
    """

    name: str
    package: str
    measured: Annotated[Sequence[str], Keywords(minItems=1)]
    installed: str | None
    newer_than_measured: bool


class DoctorFindingJson(TypedDict):
    """Effect of one tool.

    Attributes:
        rule: Name of the rule, which never changes.
        because: Property of the file that causes the effect.
        consequence: The effect in words.
        mend: The remedy.
    """

    rule: str
    tool: str
    effect: Effect
    because: str
    consequence: str
    mend: str


class DoctorJson(TypedDict):
    """Effects of other tools on an ONNX file.

    Printed by `rewriter doctor --json`.

    Attributes:
        model: The file, as the user named it.
        facts: Facts of the file, as numbers.
        tools: The requested tools.
        not_measured: Tools that have no rule, because they were not measured.
        findings: Effects, worst first.
    """

    schema: Literal["rewriter.doctor/1"]
    model: str
    facts: Annotated[Mapping[str, int], FieldsOf(Facts)]
    tools: Sequence[DoctorToolJson]
    not_measured: Sequence[str]
    findings: Sequence[DoctorFindingJson]


def doctor_json(name: str, diagnosis: Diagnosis) -> DoctorJson:
    """Convert a diagnosis of the file `name` to JSON."""
    return {
        "schema": DOCTOR,
        "model": as_text(name),
        "facts": diagnosis.facts.as_dict(),
        "tools": [
            {
                "name": tool.name,
                "package": tool.package,
                "measured": list(tool.measured),
                "installed": installed,
                "newer_than_measured": tool.newer_than_measured(installed),
            }
            for tool, installed in diagnosis.tools
        ],
        "not_measured": list(NOT_MEASURED),
        "findings": [
            {
                "rule": finding.rule.name,
                "tool": finding.rule.tool.name,
                "effect": finding.rule.effect,
                "because": finding.because,
                "consequence": finding.rule.consequence,
                "mend": as_text(finding.mend),
            }
            for finding in diagnosis.findings
        ],
    }
