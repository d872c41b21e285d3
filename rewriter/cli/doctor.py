"""`rewriter doctor M`."""

from __future__ import annotations

from pathlib import Path

import click

from rewriter import pipeline
from rewriter.cli import completing
from rewriter.cli.common import MODEL, emit_json, stdout
from rewriter.insight.doctor.examine import examine
from rewriter.insight.doctor.facts import facts_of
from rewriter.insight.doctor.rule import counted
from rewriter.refusals import BelowThreshold
from rewriter.views.doctor_json import doctor_json
from rewriter.views.text.doctor import print_diagnosis


@click.command("doctor")
@click.argument("model", type=MODEL)
@click.option(
    "--tool",
    "tools",
    metavar="GLOB",
    multiple=True,
    shell_complete=completing.tools,
    help="The tools that the file will meet, such as onnxslim or 'onnxruntime*'; may be given again.",
)
@click.option("--strict", is_flag=True, help="Leave with 4 where there is a warning.")
@click.option("--json", "as_json", is_flag=True, help="Print facts, tools and findings as JSON.")
def command(model: Path, tools: tuple[str, ...], strict: bool, as_json: bool) -> None:
    """Warn of what other tools will do with MODEL: with its functions, its tree, its fields and its size.

    Each warning was shown true by running the tool; the versions stand beside it. Nothing is run here, and no
    weight is read.

    \b
      rewriter doctor bert.onnx
      rewriter doctor bert.onnx --tool onnxslim --tool 'onnxruntime*' --strict
      rewriter doctor bert.onnx --json | jq '.findings[] | {tool, effect}'
    """
    proto, path = pipeline.read_model(model, ordered=False)
    diagnosis = examine(facts_of(proto, path), path, tools)
    if as_json:
        emit_json(doctor_json(diagnosis))
    else:
        print_diagnosis(model.name, diagnosis, stdout())
    if strict and diagnosis.findings:
        warned = dict.fromkeys(finding.rule.tool.name for finding in diagnosis.findings)
        number = counted(len(diagnosis.findings), "warning")
        raise BelowThreshold(f"{model}: {number} of {', '.join(warned)}; each has its mend above")
