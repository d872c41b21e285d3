"""`rewriter verify A B`."""

from __future__ import annotations

from pathlib import Path

import click

from rewriter import pipeline
from rewriter.beside import read_inputs
from rewriter.cli.common import MODEL, emit_json, proof_options, stdout
from rewriter.refusals import NotEquivalent
from rewriter.views.json import verify_json
from rewriter.views.text.report import print_verification


@click.command("verify")
@click.argument("before", type=MODEL)
@click.argument("after", type=MODEL)
@proof_options
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
@click.pass_context
def command(
    ctx: click.Context,
    before: Path,
    after: Path,
    numbers: bool | None,
    optimised: bool,
    inputs: Path | None,
    timeout: float,
    as_json: bool,
) -> None:
    """Tell whether BEFORE and AFTER compute the same. Leaves with 0 if they do, with 1 if not.

    \b
      rewriter verify bert.onnx bert.tree.onnx
    """
    options = pipeline.Options(
        numbers=numbers is not False, optimised=optimised, inputs=read_inputs(inputs), timeout=timeout
    )
    verification = pipeline.verify(before, after, options)
    if as_json:
        emit_json(verify_json(verification))
    else:
        print_verification(verification, stdout())
    ctx.exit(0 if verification.holds else NotEquivalent.exit_code)
