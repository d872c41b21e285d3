"""`rewriter diff A B`."""

from __future__ import annotations

from pathlib import Path

import click

from rewriter import pipeline
from rewriter.beside import read_inputs
from rewriter.cli.common import (
    MODEL,
    Finite,
    emit_json,
    inputs_option,
    limit_options,
    progress,
    stdout,
    timeout_option,
)
from rewriter.cli.selecting import selection_flags
from rewriter.cli.words import refuse_with
from rewriter.insight.diff import TOLERANCE, chosen_of
from rewriter.modules.selection import Selection
from rewriter.refusals import Different
from rewriter.views.json_diff import diff_json
from rewriter.views.text.diff import print_diff


@click.command("diff")
@click.argument("before", type=MODEL)
@click.argument("after", type=MODEL)
@selection_flags
@click.option("--all", "everything", is_flag=True, help="Show equal modules and all numbers as well.")
@click.option(
    "--numbers/--no-numbers", default=True, help="Run both models, or compare what the files say alone."
)
@inputs_option()
@click.option(
    "--tolerance",
    type=Finite(min=0),
    default=TOLERANCE,
    show_default=True,
    help="How far a value may be off, relative to its largest magnitude.",
)
@timeout_option("the numbers")
@limit_options()
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON instead.")
@click.pass_context
def command(
    ctx: click.Context,
    before: Path,
    after: Path,
    selection: Selection,
    everything: bool,
    numbers: bool,
    inputs: Path | None,
    tolerance: float,
    timeout: float,
    as_json: bool,
) -> None:
    """Show where BEFORE and AFTER differ, module by module, and where their numbers part first.

    Leaves with 0 if the numbers agree within the tolerance, with 1 if they do not, as diff(1) does. With
    --no-numbers, or where the models cannot be run: with 0 if no module differs.

    \b
      rewriter diff bert.onnx bert.int8.onnx
      rewriter diff torchscript.onnx dynamo.onnx --depth 3
      rewriter diff old.onnx new.onnx --only 'encoder.layer.0.**' --all
    """
    if not numbers:
        refuse_with("--no-numbers runs nothing", "tolerance", "threads", "timeout")
    with progress() as tell:
        found = pipeline.diff(
            before,
            after,
            numbers=numbers,
            inputs=read_inputs(inputs),
            tolerance=tolerance,
            timeout=timeout,
            selection=selection,
            progress=tell,
        )
    chosen = chosen_of(found.before, found.after, selection)
    if as_json:
        emit_json(diff_json(found, chosen))
    else:
        print_diff(found, stdout(), chosen, everything=everything)
    ctx.exit(0 if found.equal else Different.exit_code)
