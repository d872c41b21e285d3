"""What tools will make of a file, as JSON; see `schemas/doctor.schema.json`."""

from __future__ import annotations

from rewriter.insight.doctor.examine import NOT_MEASURED, Diagnosis
from rewriter.views.escape import as_text
from rewriter.views.json import JsonObject

DOCTOR = "rewriter.doctor/1"


def doctor_json(name: str, diagnosis: Diagnosis) -> JsonObject:
    """The facts of the file of that name, the tools asked about, and what they will do."""
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
                "effect": str(finding.rule.effect),
                "because": finding.because,
                "consequence": finding.rule.consequence,
                "mend": as_text(finding.mend),
            }
            for finding in diagnosis.findings
        ],
    }
