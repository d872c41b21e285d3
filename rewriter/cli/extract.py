"""`rewriter extract M MODULE... -o O`."""

from __future__ import annotations

from pathlib import Path

import click

from rewriter import pipeline
from rewriter.beside import read_inputs
from rewriter.cli.common import MODEL, emit_json, given_options, progress, stdout
from rewriter.cli.cutting import checking_options
from rewriter.cli.selecting import selection_options
from rewriter.cutting.check import Checking
from rewriter.cutting.extract import extract
from rewriter.evidence.given import Given
from rewriter.modules.selection import Selection
from rewriter.views.json_cutting import extract_json
from rewriter.views.text.cutting import print_extraction


@click.command("extract")
@click.argument("model", type=MODEL)
@selection_options
@click.option("-o", "--output", type=MODEL, required=True, help="The file to write.")
@click.option(
    "--call", type=click.IntRange(min=0), help="Which call, from 0, of modules that are called several times."
)
@given_options
@checking_options
@click.option("--copy-data", is_flag=True, help="Copy external data where OUTPUT goes to another folder.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def command(
    model: Path,
    selection: Selection,
    output: Path,
    call: int | None,
    given: Given,
    numbers: bool | None,
    inputs: Path | None,
    timeout: float,
    copy_data: bool,
    as_json: bool,
) -> None:
    """Write modules of MODEL as a model of their own, which gives what they give in the whole.

    PATTERNS are globs over module paths; the modules that fit become one model. Whatever they read and do not
    compute is an input, with the type that it has in MODEL; weights and constants come along. The result is
    checked by onnx's full checker and run on the values that the whole model computes.

    \b
      rewriter extract bert.onnx encoder.layer.0 -o layer.onnx
      rewriter extract bert.onnx 'encoder.layer.[0-3]' -o layers.onnx
      rewriter extract shared.onnx block --call 1 -o second.onnx
    """
    if not selection.of_modules and not selection.operators:
        raise click.UsageError("missing modules: name one, such as 'encoder.layer.0', or a glob")
    checking = Checking(numbers, read_inputs(inputs), timeout)
    with progress() as tell:
        analysis = pipeline.load(model, given)
        tell("extract")
        modules = [module.path for module in selection.modules(analysis)]
        found = extract(analysis, modules, output, call=call, checking=checking, copy_data=copy_data)
    if as_json:
        emit_json(extract_json(found))
    else:
        print_extraction(found, stdout())
