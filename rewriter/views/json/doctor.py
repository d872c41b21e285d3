"""What tools will make of a file, as JSON."""

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
        package: The distribution that has it.
        measured: Versions that its rules were shown true with, oldest first.
        installed: The version installed here; null where there is none.
        newer_than_measured: Whether the installed version is newer than all that the rules were shown
            true with.
    """

    name: str
    package: str
    measured: Annotated[Sequence[str], Keywords(minItems=1)]
    installed: str | None
    newer_than_measured: bool


class DoctorFindingJson(TypedDict):
    """What one tool will do.

    Attributes:
        rule: The same for ever.
        because: What of the file it goes by.
    """

    rule: str
    tool: str
    effect: Effect
    because: str
    consequence: str
    mend: str


class DoctorJson(TypedDict):
    """What other tools will make of an ONNX file.

    Printed by `rewriter doctor --json`.

    Attributes:
        model: The file, as it was named.
        facts: What the file has; docs: rewriter.insight.tools.facts.
        tools: The tools asked about.
        not_measured: Tools that no rule speaks of.
        findings: Worst effect first.
    """

    schema: Literal["rewriter.doctor/1"]
    model: str
    facts: Annotated[Mapping[str, int], FieldsOf(Facts)]
    tools: Sequence[DoctorToolJson]
    not_measured: Sequence[str]
    findings: Sequence[DoctorFindingJson]


def doctor_json(name: str, diagnosis: Diagnosis) -> DoctorJson:
    """The facts of the file of that name, the tools asked about, and their effects."""
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
