"""`rewriter flatten M -o O`."""

from __future__ import annotations

from pathlib import Path

import click

from rewriter import pipeline
from rewriter.cli.common import MODEL, emit_json, progress, stdout
from rewriter.passes.flatten import Flatten
from rewriter.views.json import rewrite_json
from rewriter.views.text.report import print_report


@click.command("flatten")
@click.argument("model", type=MODEL)
@click.option("-o", "--output", type=MODEL, required=True, help="The file to write.")
@click.option(
    "--numbers/--no-numbers", default=True, help="Run both models, or rely on the certificate alone."
)
@click.option("--copy-data", is_flag=True, help="Copy external data where OUTPUT goes to another folder.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def command(model: Path, output: Path, numbers: bool, copy_data: bool, as_json: bool) -> None:
    r"""Undo `rewrite --functions`: names, order and metadata of the nodes come back.

    \b
      rewriter flatten bert.calls.onnx -o bert.flat.onnx
    """
    options = pipeline.Options(passes=(Flatten(),), numbers=numbers, sidecar=False, copy_data=copy_data)
    with progress() as tell:
        report = pipeline.rewrite(model, output, options, tell)
    if as_json:
        emit_json(rewrite_json(report))
    else:
        print_report(report, stdout())
