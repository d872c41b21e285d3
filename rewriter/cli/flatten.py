"""`rewriter flatten M -o O`."""

from __future__ import annotations

from pathlib import Path

import click

from rewriter import pipeline
from rewriter.beside import read_inputs
from rewriter.cli.common import MODEL, progress, proof_options, show_report
from rewriter.passes.flatten import Flatten


@click.command("flatten")
@click.argument("model", type=MODEL)
@click.option("-o", "--output", type=MODEL, required=True, help="The file to write.")
@click.option("--foreign", is_flag=True, help="Enter functions that other tools made as well.")
@proof_options
@click.option("--copy-data", is_flag=True, help="Copy external data where OUTPUT goes to another folder.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def command(
    model: Path,
    output: Path,
    foreign: bool,
    numbers: bool | None,
    optimised: bool,
    inputs: Path | None,
    timeout: float,
    copy_data: bool,
    as_json: bool,
) -> None:
    """Undo `rewrite --functions`: names, order and metadata of the nodes come back.

    Functions that other tools made are kept unless you ask. Where somebody edited a function since, the nodes
    of its calls are named after their call.

    \b
      rewriter flatten bert.calls.onnx -o bert.flat.onnx
    """
    options = pipeline.Options(
        passes=(Flatten(foreign),),
        numbers=numbers,
        optimised=optimised,
        inputs=read_inputs(inputs),
        timeout=timeout,
        sidecar=False,
        copy_data=copy_data,
    )
    with progress() as tell:
        report = pipeline.rewrite(model, output, options, tell)
    show_report(report, as_json=as_json)
