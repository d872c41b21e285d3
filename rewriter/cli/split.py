"""`rewriter split M --at MODULE -o DIR`."""

from __future__ import annotations

from pathlib import Path

import click

from rewriter import pipeline
from rewriter.beside import read_inputs
from rewriter.cli import completing
from rewriter.cli.common import MODEL, emit_json, given_options, progress, stdout
from rewriter.cli.cutting import checking_options
from rewriter.cutting.check import Checking
from rewriter.cutting.split import parse_cuts, split
from rewriter.evidence.given import Given
from rewriter.views.json_cutting import split_json
from rewriter.views.text.cutting import print_split


@click.command("split")
@click.argument("model", type=MODEL)
@click.option(
    "--at",
    metavar="MODULE",
    multiple=True,
    shell_complete=completing.modules,
    required=True,
    help="Cut before this module, or before all that fit a glob; MODULE@1 is its second call. May be given "
    "again.",
)
@click.option(
    "-o",
    "--output",
    type=MODEL,
    required=True,
    metavar="DIR",
    help="The folder for the parts.",
)
@given_options
@checking_options
@click.option("--copy-data", is_flag=True, help="Copy external data to DIR.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def command(
    model: Path,
    at: tuple[str, ...],
    output: Path,
    given: Given,
    numbers: bool | None,
    inputs: Path | None,
    timeout: float,
    copy_data: bool,
    as_json: bool,
) -> None:
    """Cut MODEL into a chain of models that together compute what it does.

    A cut stands before the first node of a module, in execution order. DIR gets part-0.onnx, part-1.onnx ...
    and split.json, which tells where every input of a part comes from: an earlier part, or the inputs of
    MODEL. The chain is run and compared with MODEL.

    \b
      rewriter split bert.onnx --at encoder.layer.1 -o halves
      rewriter split bert.onnx --at 'encoder.layer.[1-9]' -o layers
    """
    checking = Checking(numbers, read_inputs(inputs), timeout)
    with progress() as tell:
        analysis = pipeline.load(model, given)
        tell("split")
        found = split(analysis, parse_cuts(analysis, at), output, checking=checking, copy_data=copy_data)
    if as_json:
        emit_json(split_json(found))
    else:
        print_split(found, stdout())
