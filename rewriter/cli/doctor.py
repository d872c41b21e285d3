"""`rewriter doctor M`."""

from __future__ import annotations

from pathlib import Path

import click

from rewriter import pipeline
from rewriter.cli import completing
from rewriter.cli.common import MODEL, emit_json, stdout
from rewriter.insight.doctor.examine import Diagnosis
from rewriter.insight.doctor.rule import counted
from rewriter.refusals import BelowThreshold
from rewriter.views.doctor_json import doctor_json
from rewriter.views.text.doctor import print_diagnosis


@click.command("doctor")
@click.argument("models", metavar="MODEL...", type=MODEL, nargs=-1, required=True)
@click.option(
    "--tool",
    "tools",
    metavar="GLOB",
    multiple=True,
    shell_complete=completing.tools,
    help="The tools that the file will meet, such as onnxslim or 'onnxruntime*'; may be given again.",
)
@click.option("--strict", is_flag=True, help="Leave with 4 where there is a warning.")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print facts, tools and findings as JSON, a document for each model.",
)
def command(models: tuple[Path, ...], tools: tuple[str, ...], strict: bool, as_json: bool) -> None:
    """Warn of what other tools will do with MODEL: with its functions, its tree, its fields and its size.

    Each warning was shown true by running the tool; the versions stand beside it. Nothing is run here, and no
    weight is read.

    \b
      rewriter doctor bert.onnx
      rewriter doctor bert.onnx --tool onnxslim --tool 'onnxruntime*' --strict
      rewriter doctor bert.onnx bert.tree.onnx --json | jq '.findings[] | {tool, effect}'
    """
    faults = []
    for number, model in enumerate(models):
        diagnosis = pipeline.diagnose(model, tools)
        if as_json:
            emit_json(doctor_json(str(model), diagnosis))
        else:
            if number:
                click.echo()
            print_diagnosis(diagnosis, stdout())
        if diagnosis.findings:
            faults.append(_sum(model, diagnosis))
    if strict and faults:
        raise BelowThreshold("; ".join(faults))


def _sum(model: Path, diagnosis: Diagnosis) -> str:
    warned = dict.fromkeys(finding.rule.tool.name for finding in diagnosis.findings)
    return f"{model}: {counted(len(diagnosis.findings), 'warning')} of {', '.join(warned)}"
