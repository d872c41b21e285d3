"""`rewriter doctor M`."""

from __future__ import annotations

from pathlib import Path

import click

from rewriter import pipeline
from rewriter.cli.common import emit_json, stdout
from rewriter.errors import BelowThreshold
from rewriter.insight.tools.examine import Diagnosis
from rewriter.insight.tools.rule import counted
from rewriter.options.show import DoctorOptions
from rewriter.views.json.doctor import doctor_json
from rewriter.views.text.doctor import print_diagnosis


def run(options: DoctorOptions) -> None:
    """Print the known effects of other tools on each model."""
    faults = []
    for number, model in enumerate(options.models):
        diagnosis = pipeline.diagnose(model, options.tools)
        if options.as_json:
            emit_json(doctor_json(str(model), diagnosis))
        else:
            if number:
                click.echo()
            print_diagnosis(diagnosis, stdout())
        if diagnosis.findings:
            faults.append(_sum(model, diagnosis))
    if options.strict and faults:
        raise BelowThreshold("; ".join(faults))


def _sum(model: Path, diagnosis: Diagnosis) -> str:
    warned = dict.fromkeys(finding.rule.tool.name for finding in diagnosis.findings)
    return f"{model}: {counted(len(diagnosis.findings), 'warning')} of {', '.join(warned)}"
